package dev.culvert.command.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** How findings are told, and what is found of a machine. */
@NullUnmarked
final class DoctorTest {
    @TempDir
    Path dir;

    private record Fixed(String name, List<Finding> findings) implements Check {
        @Override
        public List<Finding> look() {
            return findings;
        }
    }

    private record Broken(Exception failure) implements Check {
        @Override
        public String name() {
            return "broken";
        }

        @Override
        public List<Finding> look() throws IOException {
            if (failure instanceof IOException io) {
                throw io;
            }
            throw (RuntimeException) failure;
        }
    }

    private static final Check GOOD = new Fixed("tun", List.of(Finding.good("tun", "opens")));
    private static final Check BAD =
            new Fixed("names", List.of(Finding.good("names", "a"), Finding.bad("names", "b\u202e\n", "ask c")));

    private final StringWriter out = new StringWriter();

    private int tell(boolean json, Check... checks) {
        return new Doctor(List.of(checks)).tell("client", "1.2", json, new PrintWriter(out));
    }

    @Test
    void aLineEach() {
        assertThat(tell(false, GOOD, BAD, new Broken(new IOException("no")))).isEqualTo(1);
        assertThat(out.toString().lines().map(line -> line.substring(2).strip()))
                .containsExactly(
                        "tun          opens",
                        "names        a",
                        "names        b\\u202e\\u000a; ask c",
                        "broken       it could not be looked at: no");
        Doctor.Lines signs = Doctor.Lines.of("UTF-8");
        assertThat(signs.of(Finding.good("a", "b"))).isEqualTo("✓ a            b");
        assertThat(signs.of(Finding.bad("a", "b", "c"))).isEqualTo("✗ a            b; c");
        assertThat(signs.of(Finding.open("a", "b"))).isEqualTo("– a            b");
    }

    @ParameterizedTest
    @CsvSource({"US-ASCII, ok a", "ANSI_X3.4-1968, ok a", "'', ok a", "no such, ok a", "UTF-8, ✓ a", "ISO-8859-1, ok a"
    })
    void aTerminalWithoutSignsHasLetters(String encoding, String line) {
        assertThat(Doctor.Lines.of(encoding).of(Finding.good("a", ""))).startsWith(line);
    }

    @Test
    void whatCannotBeLookedAtIsNoIllness() {
        assertThat(tell(false, GOOD, new Broken(new IllegalStateException("no"))))
                .isZero();
        assertThat(out.toString()).contains("it could not be looked at: no");
    }

    @Test
    void json() {
        assertThat(tell(true, GOOD, BAD)).isEqualTo(1);
        JsonNode report = JsonMapper.shared().readTree(out.toString());
        assertThat(report.path("program").stringValue()).isEqualTo("client");
        assertThat(report.path("version").stringValue()).isEqualTo("1.2");
        assertThat(report.path("well").booleanValue()).isFalse();
        assertThat(report.path("findings")).hasSize(3);
        JsonNode bad = report.path("findings").path(2);
        assertThat(bad.path("state").stringValue()).isEqualTo("BAD");
        assertThat(bad.path("check").stringValue()).isEqualTo("names");
        assertThat(bad.path("cure").stringValue()).isEqualTo("ask c");
    }

    private static Finding only(Check check) throws IOException {
        List<Finding> findings = check.look();
        assertThat(findings).hasSize(1);
        assertThat(findings.get(0).check()).isEqualTo(check.name());
        return findings.get(0);
    }

    private Path file(String text) throws IOException {
        return Files.writeString(dir.resolve("file"), text);
    }

    @Test
    void java() throws Exception {
        assertThat(only(new JavaCheck(16, "16.0.1", 256L << 20)))
                .isEqualTo(Finding.bad(
                        "Java",
                        "16.0.1, heap of 256 MiB",
                        "install a JDK of version 17 or later, or name one in CULVERT_JAVA_HOME"));
        assertThat(only(new JavaCheck(17, "17.0.9", 256L << 20)).state()).isEqualTo(Finding.State.GOOD);
        assertThat(only(new JavaCheck()).state()).isEqualTo(Finding.State.GOOD);
    }

    @ParameterizedTest
    @CsvSource({
        "Linux, 6.1.0-13-amd64, GOOD",
        "Linux, 4.18.0-553.el8, GOOD",
        "Linux, 4.17.1, BAD",
        "Linux, 3.10.0, BAD",
        "Linux, strange, OPEN",
        "Mac OS X, 14.1, OPEN"
    })
    void kernel(String system, String version, Finding.State state) throws Exception {
        assertThat(only(new KernelCheck(system, version, "amd64")).state()).isEqualTo(state);
    }

    @Test
    void descriptors() throws Exception {
        String limits =
                "Limit     Soft Limit  Hard Limit  Units\nMax processes  1  1  processes\nMax open files            %s"
                        + "                524288               files     \n";
        assertThat(only(new DescriptorsCheck(file(limits.formatted("1024")), 4096)))
                .isEqualTo(Finding.bad(
                        "open files",
                        "1024 at most, and 4096 are wanted",
                        "raise the limit: LimitNOFILE=65536 in the unit, or ulimit -n"));
        assertThat(only(new DescriptorsCheck(file(limits.formatted("4096")), 4096))
                        .state())
                .isEqualTo(Finding.State.GOOD);
        assertThat(only(new DescriptorsCheck(file(limits.formatted("unlimited")), 4096))
                        .state())
                .isEqualTo(Finding.State.GOOD);
        assertThat(only(new DescriptorsCheck(file("x\n"), 1)).state()).isEqualTo(Finding.State.OPEN);
        assertThat(only(new DescriptorsCheck(dir.resolve("none"), 1)).state()).isEqualTo(Finding.State.OPEN);
    }

    @Test
    void memory() throws Exception {
        Path file = file("MemTotal:        8000000 kB\nMemAvailable:     204800 kB\n");
        assertThat(only(new MemoryCheck(file, 300)).state()).isEqualTo(Finding.State.BAD);
        assertThat(only(new MemoryCheck(file, 300)).what()).isEqualTo("200 MiB are available, and 300 MiB are wanted");
        assertThat(only(new MemoryCheck(file, 200)).state()).isEqualTo(Finding.State.GOOD);
        assertThat(only(new MemoryCheck(file("x\n"), 1)).state()).isEqualTo(Finding.State.OPEN);
        assertThat(only(new MemoryCheck(dir.resolve("none"), 1)).state()).isEqualTo(Finding.State.OPEN);
    }

    private Finding lossyLines(boolean root, String usual, String available, String allowed) throws Exception {
        Files.writeString(dir.resolve("tcp_congestion_control"), usual + "\n");
        Files.writeString(dir.resolve("tcp_available_congestion_control"), available + "\n");
        Files.writeString(dir.resolve("tcp_allowed_congestion_control"), allowed + "\n");
        return only(new CongestionCheck(dir, root));
    }

    @Test
    void lossyLines() throws Exception {
        assertThat(lossyLines(false, "cubic", "reno cubic bbr", "reno cubic bbr"))
                .isEqualTo(Finding.good("lossy lines", "bbr on far lines, cubic on near ones"));
        assertThat(lossyLines(true, "cubic", "reno cubic bbr", "reno cubic"))
                .isEqualTo(Finding.good(
                        "lossy lines", "bbr on far lines, cubic on near ones, for root; others may not choose it"));
        assertThat(lossyLines(false, "bbr", "reno bbr", "reno bbr"))
                .isEqualTo(Finding.good("lossy lines", "bbr on all"));
        Finding forbidden = lossyLines(false, "cubic", "reno cubic bbr", "reno cubic");
        assertThat(forbidden.state()).isEqualTo(Finding.State.OPEN);
        assertThat(forbidden.what()).contains("sysctl -w net.ipv4.tcp_allowed_congestion_control=\"reno cubic bbr\"");
        Finding missing = lossyLines(true, "cubic", "reno cubic", "reno cubic");
        assertThat(missing.state()).isEqualTo(Finding.State.OPEN);
        assertThat(missing.what()).contains("modprobe tcp_bbr");
        assertThat(only(new CongestionCheck(dir.resolve("none"), true)).state()).isEqualTo(Finding.State.OPEN);
    }
}
