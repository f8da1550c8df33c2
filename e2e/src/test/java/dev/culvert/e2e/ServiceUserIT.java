package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What the user of {@code culvert-client.service} may, with the real systemd-resolved and polkit, and the rule that the packages bring. */
@Tag("netns")
final class ServiceUserIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String SERVICE = "61234";
    private static final String ANOTHER = "61235";

    /** As the unit starts it: of root's powers it has the one. */
    private static Outcome as(Furnished machine, String user, String line) throws Exception {
        return machine.run(
                "setpriv",
                "--reuid",
                user,
                "--regid",
                user,
                "--clear-groups",
                "--inh-caps",
                "-all,+net_admin",
                "--ambient-caps",
                "-all,+net_admin",
                "--bounding-set",
                "-all,+net_admin",
                "sh",
                "-ec",
                line);
    }

    @Test
    void tellsResolvedByTheRuleAndNobodyElseDoes() throws Exception {
        Furnished machine = new Furnished(
                lab,
                lab.client,
                "systemd-resolved",
                "libsystemd-shared",
                "dbus-daemon",
                "libdbus-1-3",
                "libapparmor1",
                "libcap-ng0",
                "libexpat1",
                "polkitd",
                "libpolkit-gobject-1-0",
                "libpolkit-agent-1-0",
                "libduktape207",
                "libglib2.0-0");
        machine.shell("echo culvert-client:x:" + SERVICE + ":" + SERVICE + "::/:/usr/sbin/nologin >>/etc/passwd;"
                + "echo another:x:" + ANOTHER + ":" + ANOTHER + "::/:/usr/sbin/nologin >>/etc/passwd;"
                + "ip tuntap add culvert0 mode tun; ip link set culvert0 up");
        machine.start("bus", Map.of(), "dbus-daemon", "--config-file=/run/dbus/system.conf", "--nofork", "--nopidfile");
        await().atMost(Lab.START)
                .until(() ->
                        machine.run("test", "-S", "/run/dbus/system_bus_socket").exit() == 0);
        machine.start(
                "polkit", Map.of(), "sh", "-c", "exec $(find /usr/lib /usr/libexec -name polkitd -type f) --no-debug");
        machine.start("resolved", Map.of("SYSTEMD_LOG_TARGET", "console"), "/usr/lib/systemd/systemd-resolved");
        await().atMost(Lab.START).until(() -> machine.run("resolvectl", "dns").exit() == 0);

        String tell = "resolvectl dns culvert0 100.127.255.53; resolvectl domain culvert0 '~corp.example';"
                + "resolvectl default-route culvert0 no; resolvectl llmnr culvert0 no; resolvectl flush-caches";
        assertThat(as(machine, SERVICE, tell).exit()).as("without the rule").isNotZero();
        String rules = lab.script("systemd/culvert.rules");
        machine.shell("cp '" + rules + "' /usr/share/polkit-1/rules.d/");
        // polkit sees by itself that there is one more
        await().atMost(Lab.START).until(() -> as(machine, SERVICE, tell).exit() == 0);
        assertThat(machine.must("resolvectl", "dns", "culvert0")).contains("100.127.255.53");
        assertThat(machine.must("resolvectl", "domain", "culvert0")).contains("~corp.example");
        assertThat(as(machine, ANOTHER, "resolvectl dns culvert0 100.127.255.54")
                        .output())
                .contains("authentication required");
        assertThat(as(machine, SERVICE, "resolvectl revert culvert0").exit()).isZero();
        assertThat(machine.must("resolvectl", "dns", "culvert0")).doesNotContain("100.127.255.53");
    }
}
