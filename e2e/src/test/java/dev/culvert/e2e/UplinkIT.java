package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A client whose machine's network changes under it, with everything in the tunnel. */
@Tag("netns")
final class UplinkIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** Generous; it is a second on an idle machine. */
    private static final Duration SOON = Lab.COMMAND;

    private static final Duration TRANSFER = Duration.ofSeconds(120);

    private static String before;
    private Program client;

    @BeforeAll
    static void start() throws Exception {
        lab.startProbe(lab.plantHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        // A second uplink to the same gateway.
        lab.cable(
                lab.client,
                "w2",
                "10.71.9.2/24",
                "fd71:9::2/64",
                lab.gateway,
                "client2",
                "10.71.9.1/24",
                "fd71:9::1/64");
        lab.startGateway();
        lab.startAgent(lab.plant, lab.agentToken("plant", "wss://10.71.3.1:" + Lab.PORT, "0.0.0.0/0"));
        lab.must(lab.client, "ip", "addr", "add", "10.99.0.5/24", "dev", "w2", "noprefixroute");
        lab.must(lab.client, "ip", "-6", "route", "add", "default", "via", "fd71:9::1");
        before = lab.network(lab.client);
    }

    @BeforeEach
    void up() throws Exception {
        client = lab.startClient(lab.clientToken("laptop", "plant:0.0.0.0/0"), "--full");
        awaitWorks("at first");
    }

    @AfterEach
    void theMachineIsAsItWas() throws Exception {
        assertThat(client.terminate()).isEqualTo(143);
        assertThat(lab.network(lab.client).lines().sorted())
                .containsExactlyElementsOf(before.lines().sorted().toList());
    }

    private static void awaitWorks(String when) {
        await(when)
                .atMost(SOON)
                .pollInterval(Duration.ofMillis(100))
                .ignoreExceptions()
                .until(() -> lab.probe(lab.client, "banner", Lab.BEYOND, "7001").startsWith("220 "));
    }

    @Test
    void theInterfaceOrTheWayToTheGatewayAreTakenAwayAndComeBack() throws Exception {
        String laid = lab.network(lab.client);
        String none = client.output();
        for (String damage : new String[] {
            "ip route del " + Lab.GATEWAY,
            "ip link set culvert0 down; ip link set culvert0 up",
            "ip link set culvert0 down",
            "ip addr flush dev culvert0",
            "ip route flush proto 203; ip -6 route flush proto 203",
        }) {
            lab.shell(lab.client, SOON, damage);
            awaitWorks(damage);
            await(damage)
                    .atMost(SOON)
                    .untilAsserted(
                            () -> assertThat(sorted(lab.network(lab.client))).isEqualTo(sorted(laid)));
        }
        assertThat(none).contains("no agent takes IPv6");
    }

    private static String sorted(String network) {
        return String.join(
                "\n",
                network.lines()
                        // Link-local addresses are the kernel's: a flushed one comes back with the link only.
                        .filter(l -> !l.contains("multicast")
                                && (!l.contains("fe80") || l.matches("\\S+ +(UP|DOWN|UNKNOWN) .*")))
                        .map(l -> l.replaceAll("fe80:\\S+", "").stripTrailing())
                        .sorted()
                        .toList());
    }

    @Test
    void anotherUplinkIsTakenAndATransferGoesOnOverIt() throws Exception {
        Program copy = lab.startProbe(lab.client, "copy", Lab.BEYOND, "7003", "256");
        copy.awaitOutput("HALF", TRANSFER);
        int mark = client.mark();
        lab.shell(lab.client, SOON, "ip link set gw down; ip route add default via 10.71.9.1 dev w2");
        try {
            awaitWorks("over w2");
            assertThat(lab.must(lab.client, "ip", "route", "get", Lab.GATEWAY)).contains("dev w2");
            assertThat(client.output().substring(mark)).doesNotContain("null");
            assertThat(copy.exitWithin(TRANSFER)).as(copy.output()).isZero();
            assertThat(copy.output()).contains("SAME");
        } finally {
            lab.shell(
                    lab.client,
                    SOON,
                    "ip link set gw up; ip addr add fd71:1::2/64 dev gw nodad 2>/dev/null; ip route del default via 10.71.9.1;"
                            + " ip route add default via " + Lab.GATEWAY);
        }
        awaitWorks("back over gw");
    }

    /** RFC 7359. */
    @Test
    void whatTheTunnelDoesNotTakeDoesNotLeave() throws Exception {
        Outcome out = lab.run(lab.client, SOON, "ip", "-6", "route", "get", "2001:db8::1");
        assertThat(out.exit()).as(out.output()).isNotZero();
        assertThat(lab.must(lab.client, "ip", "-6", "route", "get", "fd71:9::1"))
                .contains("dev w2");
        client.kill();
        lab.must(lab.client, lab.down());
        assertThat(lab.must(lab.client, "ip", "-6", "route", "get", "2001:db8::1"))
                .contains("dev w2");
        client = lab.startClient(lab.clientToken("leaking", "plant:0.0.0.0/0"), "--full", "--allow-leak");
        assertThat(lab.must(lab.client, "ip", "-6", "route", "get", "2001:db8::1"))
                .contains("dev w2");
        assertThat(client.output()).contains("leaves past the tunnel (--allow-leak)");
    }

    @Test
    void aDeletedInterfaceIsAClearEnd() throws Exception {
        lab.must(lab.client, "ip", "link", "del", "culvert0");
        assertThat(client.exitWithin(SOON)).isEqualTo(1);
        assertThat(client.output()).contains("is gone");
        client = lab.startClient(lab.clientToken("again", "plant:0.0.0.0/0"), "--full");
    }
}
