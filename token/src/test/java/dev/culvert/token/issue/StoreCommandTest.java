package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import dev.culvert.token.state.StateDirectory;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What gateways share, copied from one directory to another; from and to a Redis in ClusterIT. */
@NullUnmarked
final class StoreCommandTest {
    @TempDir
    Path dir;

    private String out;
    private String err;

    private int run(String... arguments) {
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine line =
                Program.commandLine(new TokenCommand(InputStream.nullInputStream(), Map.of(), Clock.systemUTC(), null));
        line.setOut(new PrintWriter(o));
        line.setErr(new PrintWriter(e));
        int code = line.execute(arguments);
        out = o.toString();
        err = e.toString();
        return code;
    }

    private String path(String name) {
        return dir.resolve(name).toString();
    }

    @Test
    void aCopyIsAStateOfItsOwn() throws Exception {
        assertThat(run("init", "--state", path("one"), "--gateway", "wss://vpn.example"))
                .as(err)
                .isZero();
        assertThat(run("client", "--state", path("one"), "--name", "laptop", "--allow", "office:10.0.0.0/8"))
                .as(err)
                .isZero();
        assertThat(run("client", "--state", path("one"), "--name", "phone", "--allow", "office:10.0.0.0/8"))
                .as(err)
                .isZero();
        assertThat(run("revoke", "--state", path("one"), "laptop")).as(err).isZero();
        String key = "A".repeat(43);
        Files.writeString(dir.resolve("one").resolve("enrolments"), "AAAAAAAAAAAAAAAAAAAAAA " + key + " 4102444800\n");
        Files.writeString(dir.resolve("one").resolve("acme-www.example.json"), "{}\n");
        Files.writeString(dir.resolve("one").resolve("holder-x.key"), "a machine's own\n");

        assertThat(run("store", "copy", "--state", path("one"), "file:" + path("one"), "file:" + path("two")))
                .as(err)
                .isZero();
        assertThat(out).contains("copied 7 documents and 1 enrolled tokens to file:" + path("two"));
        try (var files = Files.list(dir.resolve("two"))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "signing.pub",
                            "issued.jsonl",
                            "revoked.jsonl",
                            "gateway.url",
                            "ca.key",
                            "ca.crt",
                            "acme-www.example.json",
                            "enrolments");
        }
        for (String name : new String[] {"ca.key", "ca.crt", "enrolments"}) {
            assertThat(dir.resolve("two").resolve(name))
                    .hasSameTextualContentAs(dir.resolve("one").resolve(name));
            assertThat(PosixFilePermissions.toString(
                            Files.getPosixFilePermissions(dir.resolve("two").resolve(name))))
                    .isEqualTo("rw-------");
        }
        // It works as a state directory: all but what makes tokens is there.
        assertThat(run("list", "--state", path("two"))).as(err).isZero();
        assertThat(out).contains("laptop", "revoked", "phone");
        assertThat(run("revoke", "--state", path("two"), "phone")).as(err).isZero();
        StateDirectory two = StateDirectory.openOrCreate(dir.resolve("two"));
        assertThat(two.caPin())
                .isEqualTo(StateDirectory.open(dir.resolve("one")).caPin());
        assertThat(two.revocations().entries()).hasSize(2);
        two.serverCertificate(java.util.List.of("vpn.example"));
    }

    @Test
    void whatIsThereIsNotOverwritten() throws Exception {
        assertThat(run("init", "--state", path("one"))).isZero();
        assertThat(run("init", "--state", path("two"))).isZero();
        String before = Files.readString(dir.resolve("two").resolve("ca.crt"));
        assertThat(run("store", "copy", "--state", path("one"), "file:" + path("one"), "file:" + path("two")))
                .isEqualTo(1);
        assertThat(err).hasLineCount(1).contains("signing.pub", "is there already");
        assertThat(dir.resolve("two").resolve("ca.crt")).hasContent(before.strip());
        assertThat(run("store", "copy", "--state", path("one"), "file:" + path("none"), "file:" + path("three")))
                .isEqualTo(1);
        assertThat(err).hasLineCount(1).contains("none");
        assertThat(dir.resolve("three")).doesNotExist();
    }

    @Test
    void wrongUsageIsSaidInALine() {
        assertThat(run("store")).isEqualTo(2);
        assertThat(run("store", "copy", "file:/a")).isEqualTo(2);
        assertThat(run("store", "copy", "elsewhere", "file:/b")).isEqualTo(2);
        assertThat(err).contains("FROM:");
        assertThat(run("store", "copy", "--store", "file:/c", "file:/a", "file:/b"))
                .isEqualTo(2);
        assertThat(err).contains("FROM and TO");
        assertThat(run("store", "copy", "redis://x:secret@h/0", "file:/b")).isEqualTo(2);
        assertThat(err).contains("--store-password-file").doesNotContain("secret");
    }
}
