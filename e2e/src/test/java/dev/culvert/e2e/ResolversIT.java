package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The resolvers that machines have, the real ones: systemd-resolved, openresolv and Debian's resolvconf at the client's, unbound and dnsmasq
 * at the agents'.
 */
@Tag("netns")
final class ResolversIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** What knows home.example; the second is what another lease names. */
    private static final String HOME = "10.71.1.1";

    private static final String LATER = "10.71.1.9";

    private static Path token;

    @BeforeAll
    static void start() throws Exception {
        lab.must(lab.gateway, "ip", "addr", "add", LATER + "/24", "dev", "client");
        dnsmasq(lab.gateway, HOME, "--local=/home.example/", "--host-record=www.home.example,10.71.1.1");
        dnsmasq(lab.gateway, LATER, "--local=/home.example/", "--host-record=www.home.example,10.71.1.9");
        dnsmasq(
                lab.officeHost,
                "192.168.77.2",
                "--local=/corp.example/",
                "--host-record=db.corp.example,192.168.77.2,fd77::2",
                "--mx-host=corp.example,db.corp.example,10");
        dnsmasq(lab.plantHost, "192.168.88.2", "--local=/lab.example/", "--host-record=db.lab.example,192.168.88.2");
        // The office has a resolver on the agent's machine, the plant one in its LAN.
        Path unbound = Files.writeString(lab.directory().resolve("unbound.conf"), """
            server:
              interface: 127.0.0.1
              do-daemonize: no
              chroot: ""
              username: ""
              pidfile: ""
              use-syslog: no
              logfile: ""
              verbosity: 1
              local-zone: "168.192.in-addr.arpa." nodefault
              domain-insecure: "corp.example"
              domain-insecure: "77.168.192.in-addr.arpa"
            stub-zone:
              name: "corp.example"
              stub-addr: 192.168.77.2
            stub-zone:
              name: "77.168.192.in-addr.arpa"
              stub-addr: 192.168.77.2
            remote-control:
              control-enable: no
            """);
        lab.start(lab.office, "unbound", "unbound", "-d", "-p", "-c", unbound.toString())
                .awaitOutput("start of service", Lab.START);
        Lab.resolvConf(lab.office, "nameserver 127.0.0.1\n");
        Lab.resolvConf(lab.plant, "nameserver 192.168.88.2\n");
        lab.startGateway();
        lab.startAgent(lab.office, lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24,fd77::/64"));
        lab.startAgent(
                lab.plant,
                lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "192.168.88.0/24"),
                "--domain",
                "lab.example");
        token = lab.clientToken(
                "laptop",
                "office:192.168.77.0/24",
                "--allow",
                "plant:*.lab.example:443/tcp",
                "--domains",
                "corp.example");
    }

    private static void dnsmasq(Host host, String address, String... records) throws Exception {
        NamesIT.dnsmasq(lab, host, address, records);
    }

    private static Program up(Furnished laptop, String by) throws Exception {
        Program client = laptop.start("client", Map.of("CULVERT_JAVA_OPTS", "-Dculvert.terminal=true"), lab.up(token));
        client.awaitOutput("names: corp.example by office, lab.example by plant", Lab.START);
        client.awaitOutput("names are asked for through " + by, Lab.START);
        return client;
    }

    /** What a program finds that asks its C library. */
    private static String lookUp(Furnished laptop, String name) throws Exception {
        return laptop.run("getent", "ahostsv4", name)
                .output()
                .lines()
                .findFirst()
                .orElse("")
                .split(" ")[0];
    }

    private static void assertFindsBoth(Furnished laptop) throws Exception {
        assertThat(lookUp(laptop, "db.corp.example")).as("by unbound").isEqualTo("192.168.77.2");
        assertThat(lookUp(laptop, "db.lab.example")).as("by dnsmasq").isEqualTo("192.168.88.2");
        assertThat(lookUp(laptop, "db")).as("search").isEqualTo("192.168.77.2");
        assertThat(lookUp(laptop, "www.home.example"))
                .as("asked where it was asked before")
                .isEqualTo(HOME);
        assertThat(laptop.must("getent", "hosts", "192.168.77.2")).contains("db.corp.example");
        assertThat(lookUp(laptop, "none.corp.example")).isEmpty();
        assertThat(lookUp(laptop, "none.home.example")).isEmpty();
    }

    @Test
    void resolvedChoosesByDomainAndIsToldAgainWhenItHasForgotten() throws Exception {
        Furnished laptop = new Furnished(
                lab,
                lab.client,
                "systemd-resolved",
                "libnss-resolve",
                "libsystemd-shared",
                "dbus-daemon",
                "libdbus-1-3",
                "libapparmor1",
                "libcap-ng0",
                "libexpat1");
        laptop.start("bus", Map.of(), "dbus-daemon", "--config-file=/run/dbus/system.conf", "--nofork", "--nopidfile");
        Program resolved = resolved(laptop);
        String before = resolvedSays(laptop);
        assertThat(lookUp(laptop, "www.home.example")).isEqualTo(HOME);
        assertThat(lookUp(laptop, "db.corp.example")).isEmpty();
        Program client = up(laptop, "systemd-resolved");
        assertFindsBoth(laptop);
        assertThat(laptop.must("resolvectl", "query", "db.corp.example"))
                .contains("192.168.77.2", "fd77::2", "link: culvert0");
        assertThat(laptop.must("resolvectl", "query", "--type=MX", "corp.example"))
                .contains("corp.example IN MX 10 db.corp.example", "link: culvert0");
        assertThat(laptop.must("resolvectl", "query", "www.home.example")).contains("link: gw");

        client.signal("STOP"); // or it might be told again before anybody has seen that it had forgotten
        resolved.kill();
        laptop.shell("rm -rf /run/systemd/resolve/*"); // in which it would find what it was told
        resolved(laptop);
        assertThat(laptop.must("resolvectl", "dns")).contains(HOME).doesNotContain("100.127.255.53");
        client.signal("CONT");
        await().atMost(Lab.START).untilAsserted(() -> assertFindsBoth(laptop)); // it is told in several steps

        client.kill();
        await().atMost(Lab.START).until(() -> resolvedSays(laptop).equals(before));
        laptop.must(lab.down());
        assertThat(resolvedSays(laptop)).isEqualTo(before);
        assertThat(lookUp(laptop, "www.home.example")).isEqualTo(HOME);
    }

    /** A new one, and whom to ask, as a DHCP client tells it. */
    private static Program resolved(Furnished laptop) throws Exception {
        Program resolved =
                laptop.start("resolved", Map.of("SYSTEMD_LOG_TARGET", "console"), "/usr/lib/systemd/systemd-resolved");
        await().atMost(Lab.START).until(() -> laptop.run("resolvectl", "dns").exit() == 0);
        laptop.shell("resolvectl dns gw " + HOME + " && resolvectl domain gw home.example");
        return resolved;
    }

    private static String resolvedSays(Furnished laptop) throws Exception {
        return laptop.shell("resolvectl dns; resolvectl domain; resolvectl default-route")
                .replaceAll("(?m)^Link \\d+ \\(", "Link (");
    }

    @ParameterizedTest
    @ValueSource(strings = {"openresolv", "resolvconf"})
    void resolvconfHasOursFirstAndWhatItHadInTheEnd(String program) throws Exception {
        Furnished laptop = new Furnished(lab, lab.client, program);
        lease(laptop, HOME);
        assertThat(lookUp(laptop, "www.home.example")).isEqualTo(HOME);
        Program client = up(laptop, program);
        assertFindsBoth(laptop);
        assertThat(lookUp(laptop, "www")).as("searched before").isEqualTo(HOME);

        lease(laptop, LATER); // in another network
        String before = laptop.must("cat", "/etc/resolv.conf");
        await().atMost(Lab.START).until(() -> lookUp(laptop, "www.home.example").equals(LATER));
        assertThat(lookUp(laptop, "db.corp.example")).isEqualTo("192.168.77.2");
        client.kill();
        assertThat(laptop.must("cat", "/etc/resolv.conf")).isEqualTo(before);
        laptop.must(lab.down());
        String after = laptop.must("cat", "/etc/resolv.conf");
        assertThat(after).isNotEqualTo(before);
        lease(laptop, LATER);
        assertThat(laptop.must("cat", "/etc/resolv.conf")).as("without us").isEqualTo(after);
        assertThat(lookUp(laptop, "www.home.example")).isEqualTo(LATER);
    }

    /** What a DHCP client tells resolvconf. */
    private static void lease(Furnished laptop, String server) throws Exception {
        laptop.shell("printf 'search home.example\\nnameserver " + server + "\\n' | resolvconf -a gw.dhcp");
    }
}
