package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.fixture.FakeGateway;
import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The link, what is said of it, and flows, in frozen time. */
@NullUnmarked
final class UplinkTest {
    private static final int FEW = 3;
    private static final InetSocketAddress SOURCE = new InetSocketAddress("100.127.255.1", 40_000);

    private final MockTicker ticker = Ticker.newMockTicker();
    private final EmbeddedChannel clock =
            EmbeddedChannel.builder().ticker(ticker).build();
    private final FakeGateway gateway = new FakeGateway(ticker);
    private final List<String> said = new ArrayList<>();
    private final List<RouteTable> tables = new ArrayList<>();
    private final List<List<InetSocketAddress>> ways = new ArrayList<>();
    private final CompletableFuture<Void> way = new CompletableFuture<>();
    private final Uplink uplink = new Uplink(
            clock.eventLoop(),
            List.of(gateway),
            LinkSettings.DEFAULT,
            TokenGrants.of(
                    List.of(
                            Grant.parse("office:10.0.0.0/8"),
                            Grant.parse("office:*.office.example"),
                            Grant.parse("home:192.168.77.0/24"),
                            Grant.parse("home:*.home.example:443/tcp"),
                            Grant.parse("attic:*.home.example:443/tcp")),
                    SensitiveAddresses.standard()),
            RouteTable.Wanted.ALL,
            ClientSession.first(),
            said::add,
            FEW);

    @AfterEach
    void end() {
        gateway.close();
        clock.finishAndReleaseAll();
    }

    private void settle() {
        for (int i = 0; i < 3; i++) {
            clock.runPendingTasks();
            clock.runScheduledPendingTasks();
            gateway.settle();
        }
    }

    private void pass(long millis) {
        ticker.advance(millis, TimeUnit.MILLISECONDS);
        settle();
    }

    private void start() {
        uplink.start(new Uplink.Listener() {
            @Override
            public void announced(RouteTable routes) {
                tables.add(routes);
            }

            @Override
            public CompletionStage<?> beforeDial(List<InetSocketAddress> addresses) {
                ways.add(addresses);
                return way;
            }
        });
        settle();
    }

    private RawPeer up() {
        start();
        return accept();
    }

    private RawPeer accept() {
        RawPeer link = gateway.accept();
        settle();
        return link;
    }

    private void announce(RawPeer link, Announcement.ReachableAgent... agents) {
        link.sendFrame(
                Frame.ANNOUNCE, 0, 0, Announcement.encode(new Announcement.Reachable("laptop", List.of(agents))));
        settle();
    }

    private static Announcement.ReachableAgent agent(String name, int instances, String... routes) {
        return new Announcement.ReachableAgent(name, instances, List.of(routes));
    }

    private static Announcement.ReachableAgent office() {
        return agent("office", 1, "10.1.0.0/16");
    }

    private static Destination host(String address) throws Exception {
        return Destination.of(Destination.TCP, InetAddress.getByName(address), 80);
    }

    private LinkFlow open(Destination destination) throws FlowException {
        LinkFlow flow = uplink.open(destination, SOURCE, new FlowRecorder());
        settle();
        return flow;
    }

    private Reason refusal(Destination destination) {
        return catchThrowableOfType(FlowException.class, () -> open(destination))
                .reason();
    }

    private OpenRequest asked(RawPeer link) throws Exception {
        List<WebSocketMessage> opens =
                link.takeFrames().stream().filter(f -> f.type() == Frame.OPEN).toList();
        assertThat(opens).hasSize(1);
        return OpenRequest.decode(opens.get(0).payload());
    }

    // ---- the link ----

    @Test
    void itConnectsAndSaysSo() {
        start();
        assertThat(uplink.status()).isEqualTo(new Uplink.Status(false, "connecting", 0, Map.of()));
        accept();
        assertThat(said).containsExactly("connected to the gateway");
        assertThat(uplink.status().linked()).isTrue();
        assertThat(uplink.status().trouble()).isEmpty();
    }

    @Test
    void theRoundTripIsThatOfThePings() {
        RawPeer link = up();
        WebSocketMessage ping = link.take().stream()
                .filter(m -> m.opcode() == 2 && m.type() == Frame.PING)
                .findFirst()
                .orElseThrow();
        ticker.advance(7, TimeUnit.MILLISECONDS);
        byte[] body = ping.payload().copy().array();
        link.sendFrame(Frame.PONG, 0, 0, body);
        assertThat(uplink.status().rttMicros()).isEqualTo(7_000);
    }

    @Test
    void theWayIsMadeBeforeAGatewayIsDialled() {
        start();
        assertThat(ways).containsExactly(List.of(FakeGateway.ADDRESS));
        assertThat(gateway.ways.get(0)).isSameAs(way);
    }

    @Test
    void aTroubleIsToldOnceAndAnotherIsNews() {
        start();
        for (int i = 0; i < 20; i++) {
            gateway.fail(new ConnectException("cannot reach it"));
            settle();
            assertThat(uplink.status().trouble()).isEqualTo("cannot reach it");
            pass(120_000);
        }
        assertThat(gateway.dials).hasSizeGreaterThan(15);
        assertThat(said).containsExactly("cannot reach it; trying again");
        gateway.fail(new ConnectException("the network is down"));
        settle();
        assertThat(said).endsWith("the network is down; trying again");
        pass(120_000);
        accept();
        gateway.peers.get(0).channel.close();
        settle();
        pass(120_000);
        gateway.fail(new ConnectException("cannot reach it"));
        settle();
        assertThat(said).as("after it has worked").endsWith("cannot reach it; trying again");
    }

    @Test
    void aLinkThatBreaksIsToldOnceAndMadeAgain() {
        RawPeer link = up();
        link.channel.close();
        settle();
        assertThat(said).containsExactly("connected to the gateway", "link lost: connection closed by the peer");
        assertThat(uplink.status().linked()).isFalse();
        assertThat(uplink.status().trouble()).isEqualTo("connection closed by the peer");
        pass(2_000);
        accept();
        assertThat(said).hasSize(3).endsWith("connected to the gateway");
    }

    @Test
    void aTokenThatIsRefusedAtFirstIsTheEnd() {
        start();
        LinkRefusedException why = new LinkRefusedException(403, true, "your token was revoked");
        gateway.fail(why);
        settle();
        assertThat(uplink.failed()).isCompletedWithValue(why);
        assertThat(said).isEmpty();
        pass(600_000);
        assertThat(gateway.dials).hasSize(1);
    }

    @Test
    void aTokenThatIsRefusedLaterIsTriedNowAndThen() {
        up().channel.close();
        settle();
        pass(2_000);
        for (int i = 0; i < 3; i++) {
            gateway.fail(new LinkRefusedException(403, true, "your token was revoked"));
            settle();
            pass(60_000);
        }
        assertThat(uplink.failed()).isNotDone();
        assertThat(said.stream().filter(line -> line.contains("revoked")))
                .containsExactly("your token was revoked; trying again now and then");
        assertThat(uplink.status().trouble()).contains("your token was revoked");
        accept();
        assertThat(said).endsWith("connected to the gateway");
    }

    @Test
    void stoppedItClosesTheLinkWithoutAWordAndStaysDown() {
        RawPeer link = up();
        uplink.stop("the client went down");
        settle();
        assertThat(link.takeClose().closeText()).isEqualTo("the client went down");
        link.channel.close();
        settle();
        pass(600_000);
        assertThat(said).containsExactly("connected to the gateway");
        assertThat(gateway.dials).hasSize(1);
    }

    @Test
    void anotherWayToTheGatewayIsTakenAtOnce() {
        start();
        while (gateway.dials.size() < 8) {
            gateway.fail(new ConnectException("no"));
            settle();
            while (gateway.dials.get(gateway.dials.size() - 1).isDone()) {
                pass(1_000);
            }
        }
        gateway.fail(new ConnectException("no"));
        settle();
        uplink.networkChanged();
        pass(500);
        assertThat(gateway.dials).hasSize(9);
    }

    @Test
    void aClientAnswersNoFlows() {
        RawPeer link = up();
        byte[] open = {6, 4, 10, 0, 0, 1, 0, 80};
        link.sendFrame(Frame.OPEN, 0, Frame.SERVER_OPENED | 1, open);
        WebSocketMessage answer = link.takeFrames().get(0);
        assertThat(answer.type()).isEqualTo(Frame.REFUSED);
        assertThat(answer.payload().readUnsignedByte()).isEqualTo((short) Reason.PROHIBITED.code());
    }

    @Test
    void aGatewayThatIsAboutToStopIsToldOf() {
        RawPeer link = up();
        link.sendFrame(Frame.DRAIN, 0, 0, "back at noon".getBytes(StandardCharsets.UTF_8));
        assertThat(said).endsWith("the gateway is about to stop: back at noon");
    }

    // ---- announcements ----

    @Test
    void whatIsAnnouncedIsToldAndRouted() {
        announce(up(), office(), agent("home", 0, "192.168.77.0/24"));
        assertThat(said)
                .containsExactly(
                        "connected to the gateway",
                        "agent 'office' is connected, serving 10.1.0.0/16",
                        "agent 'home' is not connected");
        assertThat(uplink.status().agents()).containsExactly(Map.entry("home", 0), Map.entry("office", 1));
        assertThat(tables).containsExactly(uplink.routes());
        assertThat(uplink.routes().routes().values()).containsExactlyInAnyOrder("office", "home");
    }

    @Test
    void whatTheTokenDoesNotGrantIsNotRoutedAndToldOnce() {
        RawPeer link = up();
        for (int i = 0; i < 3; i++) {
            announce(link, agent("office", 1, "172.16.0.0/12"));
            pass(1_000);
        }
        assertThat(uplink.routes().routes()).isEmpty();
        assertThat(said.stream().filter(line -> line.contains("172.16.0.0/12 ") || line.contains("172.16.0.0/12,")))
                .containsExactly("not routed: the gateway announced 172.16.0.0/12, which this token does not grant");
    }

    /** A gateway may announce as fast as it likes. */
    @Test
    void ofManyAnnouncementsTheNewestCountsOnceASecond() {
        RawPeer link = up();
        for (int i = 0; i < 50; i++) {
            announce(link, agent("office", 1, "10." + i + ".0.0/16"));
        }
        assertThat(tables).hasSize(1);
        pass(Uplink.ANNOUNCEMENT_MILLIS);
        assertThat(tables).hasSize(2);
        assertThat(uplink.routes().routes().keySet()).hasToString("[10.49.0.0/16]");
    }

    @Test
    void whatWaitsWhenTheLinkGoesIsForgottenAndWhatCountedStays() {
        RawPeer link = up();
        announce(link, office());
        announce(link, agent("office", 1, "10.2.0.0/16"));
        link.channel.close();
        settle();
        pass(Uplink.ANNOUNCEMENT_MILLIS);
        assertThat(tables).hasSize(1);
        assertThat(uplink.routes().routes().keySet()).hasToString("[10.1.0.0/16]");
    }

    /** A gateway that was restarted knows of no agent for a moment; the host's routes must not go, for flows go on. */
    @Test
    void agentsThatMayComeBackKeepTheirRoutesForAWhile() {
        RawPeer link = up();
        announce(link, office());
        link.channel.close();
        settle();
        pass(1_000);
        link = accept();
        announce(link);
        assertThat(uplink.routes().routes().keySet()).hasToString("[10.1.0.0/16]");
        assertThat(said).contains("agent 'office' is not connected");
        pass(Uplink.AGENTS_RETURN.toMillis());
        assertThat(uplink.routes().routes()).isEmpty();
    }

    @Test
    void aGatewayCannotFillTheTerminal() {
        RawPeer link = up();
        for (int i = 0; i < 30; i++) {
            int instances = i % 2;
            announce(
                    link,
                    IntStream.range(0, 7)
                            .mapToObj(a -> agent("a" + a, instances))
                            .toArray(Announcement.ReachableAgent[]::new));
            pass(1_000);
        }
        assertThat(said).hasSizeBetween(Uplink.NEWS_LINES + 10, Uplink.NEWS_LINES + 20);
        assertThat(said).last().asString().contains("lines before this were left out)");
    }

    @Test
    void anAnnouncementThatIsNoneEndsTheLink() {
        RawPeer link = up();
        link.sendFrame(Frame.ANNOUNCE, 0, 0, "{\"client\":1,\"agents\":7}".getBytes(StandardCharsets.UTF_8));
        pass(10_000);
        assertThat(link.takeClose().closeCode()).isEqualTo(1002);
        assertThat(tables).isEmpty();
    }

    // ---- flows ----

    @Test
    void aFlowGoesToTheAgentThatItsAddressIsRoutedTo() throws Exception {
        RawPeer link = up();
        announce(link, office(), agent("home", 1, "192.168.77.0/24"));
        open(host("192.168.77.9"));
        OpenRequest request = asked(link);
        assertThat(request.agent()).isEqualTo("home");
        assertThat(request.source()).isEqualTo(SOURCE);
        open(host("10.1.2.3"));
        assertThat(asked(link).agent()).isEqualTo("office");
        assertThat(refusal(host("10.2.0.1"))).isEqualTo(Reason.NETWORK_UNREACHABLE);
        assertThat(uplink.flowCount()).isEqualTo(2);
    }

    @Test
    void aFlowMayNameItsAgent() throws Exception {
        RawPeer link = up();
        announce(link, office());
        uplink.open("home", host("10.1.2.3"), SOURCE, new FlowRecorder());
        assertThat(asked(link).agent()).isEqualTo("home");
        uplink.open("home", Destination.ofName(Destination.UDP, "dns.example", 53), SOURCE, new FlowRecorder());
        assertThat(asked(link).destination().name()).isEqualTo("dns.example");
    }

    /** By the token's grants: of two agents the one that is connected, then the one whose name sorts first. */
    @ParameterizedTest
    @CsvSource({
        "wiki.office.example, 80, 1, 1, 1, office",
        "nas.home.example, 443, 1, 1, 1, attic",
        "nas.home.example, 443, 1, 1, 0, home",
        "nas.home.example, 443, 1, 0, 0, attic",
        "nas.home.example, 80, 1, 1, 1, home",
        "elsewhere.example, 80, 0, 1, 1, home",
        "elsewhere.example, 80, 0, 0, 0, home"
    })
    void aFlowToANameGoesToAnAgentThatMayReachIt(String name, int port, int office, int home, int attic, String asked)
            throws Exception {
        RawPeer link = up();
        announce(
                link,
                agent("office", office, "10.1.0.0/16"),
                agent("home", home, "192.168.77.0/24"),
                agent("attic", attic));
        open(Destination.ofName(Destination.TCP, name, port));
        OpenRequest request = asked(link);
        assertThat(request.agent()).isEqualTo(asked);
        assertThat(request.destination()).isEqualTo(Destination.ofName(Destination.TCP, name, port));
    }

    @Test
    void aNameThatNobodyMayReachIsUnreachable() {
        RawPeer link = up();
        announce(link, agent("attic", 1));
        assertThat(refusal(Destination.ofName(Destination.UDP, "nas.home.example", 443)))
                .isEqualTo(Reason.NETWORK_UNREACHABLE);
    }

    @Test
    void whileTheLinkHasJustGoneNewFlowsMeetSilenceThenTheyAreToldOfIt() throws Exception {
        long patience = Uplink.PATIENCE.toMillis();
        Destination host = host("10.1.2.3");
        assertThat(refusal(host)).as("before it is up").isEqualTo(Reason.LINK_LOST);
        RawPeer link = up();
        announce(link, office());
        pass(1_000);
        link.channel.close();
        settle();
        ticker.advance(patience - 1, TimeUnit.MILLISECONDS);
        assertThat(refusal(host)).isEqualTo(Reason.LINK_LOST);
        ticker.advance(1, TimeUnit.MILLISECONDS);
        assertThat(refusal(host)).isEqualTo(Reason.NETWORK_UNREACHABLE);
    }

    @Test
    void thereAreOnlySoManyFlows() throws Exception {
        RawPeer link = up();
        announce(link, office());
        List<LinkFlow> flows = new ArrayList<>();
        for (int i = 0; i < FEW; i++) {
            flows.add(open(host("10.1.2.3")));
        }
        assertThat(refusal(host("10.1.2.3"))).isEqualTo(Reason.OVERLOADED);
        flows.get(0).close();
        settle();
        open(host("10.1.2.3"));
    }

    @Test
    void aGatewayThatDoesNotReadGetsNoMoreFlows() throws Exception {
        RawPeer link = up();
        announce(link, office());
        link.gate.shut();
        int opened = 0;
        try {
            for (; opened < 1_000_000; opened++) {
                open(host("10.1.2.3")).close();
            }
        } catch (FlowException e) {
            assertThat(e.reason()).isEqualTo(Reason.OVERLOADED);
        }
        assertThat(opened).isLessThan(1_000_000);
        link.gate.open();
        settle();
        open(host("10.1.2.3"));
    }

    @Test
    void flowsEndWithTheirLinkAndAreCountedUntilThen() throws Exception {
        RawPeer link = up();
        announce(link, office());
        LinkFlow flow = open(host("10.1.2.3"));
        assertThat(uplink.flowCount()).isEqualTo(1);
        link.channel.close();
        settle();
        assertThat(uplink.flowCount()).isZero();
        assertThat(flow.isOpen()).isFalse();
        assertThat(((FlowException) flow.opened().cause()).reason()).isEqualTo(Reason.LINK_LOST);
        pass(2_000);
        accept();
        assertThat(uplink.flowCount()).isZero();
    }
}
