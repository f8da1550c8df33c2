package dev.culvert.client.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPairGenerator;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Of what a state directory holds as secret nothing is in a report. */
@NullUnmarked
final class ReportTest {
    private static final String LETTERS =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@$\\[(*+?";

    @TempDir
    Path dir;

    private final List<String> secrets = new ArrayList<>();

    private Path state() throws IOException {
        return Files.createDirectories(dir.resolve("state"));
    }

    private static String random(Random random, int length) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return text.toString();
    }

    private static String base64(Random random, int bytes) {
        byte[] raw = new byte[bytes];
        random.nextBytes(raw);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(raw);
    }

    private String secret(String text) {
        secrets.add(text);
        return text;
    }

    /** A directory as clients have it, of that seed. */
    private void fill(Random random) throws Exception {
        for (String name : List.of("default", "work")) {
            String jwt = "eyJ" + base64(random, 20) + ".eyJ" + base64(random, 200) + "." + base64(random, 64);
            Files.writeString(state().resolve("profile-" + name + ".token"), secret(jwt) + "\n");
        }
        Files.writeString(
                state().resolve("profile-work.renewed"),
                secret("eyJ" + base64(random, 20) + "." + base64(random, 99)) + "\n");
        String password = secret(random(random, 4 + random.nextInt(30)));
        Files.writeString(state().resolve("profile-work.proxy"), "http://proxy.corp:3128\nme:" + password + "\n");
        Files.writeString(state().resolve("profile"), "work\n");
        String key = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(KeyPairGenerator.getInstance("Ed25519")
                        .generateKeyPair()
                        .getPrivate()
                        .getEncoded());
        key.lines().filter(line -> line.length() >= 8).forEach(this::secret);
        Files.writeString(
                state().resolve("holder-x.key"),
                "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----\n");
        byte[] session = new byte[16];
        random.nextBytes(session);
        Files.writeString(
                state().resolve("sessions-laptop"), "3 " + secret(HexFormat.of().formatHex(session)) + "\n");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void noSecretOfTheDirectoryIsLeft(long seed) throws Exception {
        Random random = new Random(seed);
        fill(random);
        List<String> parts = new ArrayList<>(secrets);
        for (int i = 0; i < 20; i++) {
            parts.add(random(random, 10));
        }
        Collections.shuffle(parts, random);
        // Anywhere in a line, one right behind the other, in quotes.
        String text =
                String.join("", parts) + "\n" + String.join(" ", parts) + "\n\"" + String.join("\"\n\"", parts) + "\"";
        String clean = Redaction.of(state()).clean(text);
        assertThat(secrets).allSatisfy(secret -> assertThat(clean).doesNotContain(secret));
        assertThat(clean).contains(Redaction.GONE);
        assertThat(Redaction.of(state()).clean("proxy.corp 10.0.0.1 work")).isEqualTo("proxy.corp 10.0.0.1 work");
    }

    @Test
    void whatLooksLikeOneIsTakenWhoeverHasIt() throws Exception {
        Redaction redaction = Redaction.of(dir.resolve("none"));
        assertThat(redaction.clean("token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln and more"))
                .isEqualTo("token [secret] and more");
        assertThat(redaction.clean("Authorization: Bearer abcdefgh.ijk\nproxy-authorization: basic bWU6czNjcmV0"))
                .isEqualTo("Authorization: Bearer [secret]\nproxy-authorization: basic [secret]");
        assertThat(redaction.clean("https_proxy=http://me:s3cret@proxy:3128/"))
                .isEqualTo("https_proxy=http://[secret]@proxy:3128/");
        assertThat(redaction.clean("-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n"))
                .isEqualTo("[secret]\n");
        assertThat(ReportCommand.variables(Map.of(
                        "CULVERT_TOKEN",
                        "t",
                        "CULVERT_PASSPHRASE",
                        "p",
                        "CULVERT_LOG",
                        "DEBUG",
                        "NO_PROXY",
                        "x",
                        "HOME",
                        "/h")))
                .isEqualTo("CULVERT_LOG=DEBUG\nCULVERT_PASSPHRASE=[secret]\nCULVERT_TOKEN=[secret]\nNO_PROXY=x\n");
    }

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @CommandLine.Command(name = "client")
    static final class Client {}

    private int report(Path file) throws IOException {
        CommandLine line = Program.commandLine(new Client());
        line.addSubcommand(new ReportCommand());
        line.setOut(new PrintWriter(out));
        line.setErr(new PrintWriter(err));
        return line.execute("report", file.toString(), "--state", state().toString());
    }

    private static Map<String, String> unpacked(Path file) throws IOException {
        Map<String, String> texts = new LinkedHashMap<>();
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(file))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                texts.put(entry.getName(), new String(zip.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return texts;
    }

    @Test
    void aReportHoldsWhatItSaysAndNoSecret() throws Exception {
        fill(new Random(42));
        Files.writeString(
                state().resolve("client.log"),
                "connected\nsomebody wrote " + String.join(" and ", secrets) + "\nthe end\n");
        Path file = dir.resolve("report.zip");
        assertThat(report(file)).as(err.toString()).isZero();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        Map<String, String> texts = unpacked(file);
        assertThat(texts.keySet())
                .containsExactly(
                        "contents.txt",
                        "versions.txt",
                        "doctor.txt",
                        "status.json",
                        "client.log",
                        "network.txt",
                        "resolv.conf",
                        "environment.txt",
                        "state.txt");
        texts.keySet().stream()
                .skip(1)
                .forEach(name -> assertThat(out.toString()).contains(name));
        assertThat(texts.get("client.log"))
                .startsWith("connected\n")
                .endsWith("the end\n")
                .contains(Redaction.GONE);
        assertThat(texts.get("doctor.txt")).contains("Java", "token");
        assertThat(texts.get("network.txt")).contains("link lo");
        assertThat(texts.get("state.txt")).contains("profile-work.token");
        for (String secret : secrets) {
            texts.forEach((name, text) -> assertThat(text).as(name).doesNotContain(secret));
            assertThat(out + "" + err).doesNotContain(secret);
        }
        assertThat(report(file)).isEqualTo(1);
        assertThat(err.toString()).contains(file + " is there already: name another file");
    }
}
