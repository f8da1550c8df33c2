package dev.culvert.tun.linux;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tun.NetNamespace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** systemd-resolved, openresolv and Debian's resolvconf as they are, on machines that have them: {@link KillDrill} there. */
@NullUnmarked
@Tag("netns")
class RealResolversNetnsTest {
    private static final String BUS =
            "dbus-daemon --config-file=/run/dbus/system.conf --nofork --nopidfile >/dev/null 2>&1 & until [ -S"
                    + " /run/dbus/system_bus_socket ]; do sleep 0.05; done; /usr/lib/systemd/systemd-resolved >/dev/null"
                    + " 2>&1 & until resolvectl dns >/dev/null 2>&1; do sleep 0.1; done; ";

    private static Path root() {
        Path at = Path.of("").toAbsolutePath();
        while (!Files.exists(at.resolve("scripts/lib/furnish.sh"))) {
            at = at.getParent();
        }
        return at;
    }

    /** Runs a drill in a process, mount and network namespace of its own, and returns what it says in the end. */
    private static String drill(String kind, String before, String... packages) throws Exception {
        Path lib = root().resolve("scripts/lib");
        String extracted = root().resolve("target/extracted").toString();
        List<String> extract = new ArrayList<>(List.of(lib.resolve("extract.sh").toString(), extracted));
        extract.addAll(List.of(packages));
        must(extract);
        try (NetNamespace machine = new NetNamespace()) {
            List<String> line = machine.inside("unshare", "--fork", "--kill-child", "--pid", "--mount-proc");
            line.addAll(List.of(lib.resolve("furnish.sh").toString(), extracted));
            line.addAll(List.of(packages));
            line.addAll(List.of("--", "bash", "-c", before + "exec \"$@\"", "drill"));
            line.addAll(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:TieredStopAtLevel=1",
                    "-cp",
                    System.getProperty("java.class.path"),
                    KillDrill.class.getName(),
                    kind));
            return must(line);
        }
    }

    private static String must(List<String> line) throws Exception {
        Process process = new ProcessBuilder(line).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(line + " ended with " + process.exitValue() + ": " + output);
        }
        return output;
    }

    @ParameterizedTest
    @ValueSource(strings = {"openresolv", "resolvconf"})
    void resolvconfIsAsItWasWhereverAClientIsKilled(String program) throws Exception {
        assertThat(drill(
                        program,
                        "printf 'search home.example\\nnameserver 192.168.1.1\\n' | resolvconf -a eth0.dhcp; ",
                        program))
                .contains("all as it was\n");
    }

    /** The interface stays, as one that somebody else has made does; with one that goes resolved forgets by itself. */
    @Test
    void resolvedIsAsItWasWhereverAClientIsKilled() throws Exception {
        assertThat(drill(
                        "resolved",
                        "ip tuntap add dev culvert0 mode tun && ip addr add 100.127.255.1/30 dev culvert0 && ip link"
                                + " set culvert0 up; "
                                + BUS,
                        "systemd-resolved",
                        "libsystemd-shared",
                        "dbus-daemon",
                        "libdbus-1-3",
                        "libapparmor1",
                        "libcap-ng0",
                        "libexpat1"))
                .contains("all as it was\n");
    }
}
