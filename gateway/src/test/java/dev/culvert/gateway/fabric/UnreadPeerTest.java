package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.policy.PolicyParser;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What peers that do not read, and those who send to them, can make the gateway keep. */
@NullUnmarked
final class UnreadPeerTest {
    private final ByteArrayOutputStream audit = new ByteArrayOutputStream();
    private final AuditLog auditLog = AuditLog.to(audit);
    /** Without a leak detector, which is slow where so many frames are sent: nothing may be left of it at the end. */
    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);

    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private TestFabric fabric = new TestFabric(auditLog, Clock.systemUTC(), 1_000_000);

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(fabric.links.count()).isZero();
        assertThat(fabric.services.clientFlows().total()).isZero();
        assertThat(fabric.services.agentFlows().total()).isZero();
        assertThat(fabric.services.backlog().total()).isZero();
        assertThat(allocator.metric().usedDirectMemory()).isZero();
        auditLog.close();
    }

    private EmbeddedPeer peer(FrameSwitch link) {
        EmbeddedPeer peer = new EmbeddedPeer(link, allocator);
        peers.add(peer);
        return peer;
    }

    private EmbeddedPeer client(String name) {
        return peer(fabric.client(name, "office:10.0.0.0/8"));
    }

    private EmbeddedPeer agent(String instance, String key) {
        EmbeddedPeer agent = peer(fabric.agent("office", key, "10.0.0.0/8"));
        agent.announce(instance, "10.0.0.0/8");
        return agent;
    }

    private static void open(EmbeddedPeer client, int id, String address, int port) throws Exception {
        open(client, id, Destination.of(Destination.TCP, InetAddress.getByName(address), port));
    }

    private static void open(EmbeddedPeer client, int id, Destination d) {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(d, "office", null, new InetSocketAddress("10.9.9.9", 99), d.isStream() ? 1_000 : 0, 0, null)
                .encode(b);
        client.send(Frame.OPEN, 0, id, b);
    }

    private static ByteBuf u32(long... values) {
        ByteBuf b = Unpooled.buffer();
        for (long v : values) {
            b.writeInt((int) v);
        }
        return b;
    }

    private static Reason reason(WebSocketMessage refused) {
        return Reason.of(refused.payload().getUnsignedByte(refused.payload().readerIndex()));
    }

    /** Sends until the gateway has enough. */
    private static int untilCut(EmbeddedPeer peer, int most, java.util.function.IntConsumer send) {
        int sent = 0;
        while (peer.isUp() && sent < most) {
            send.accept(++sent);
            peer.channel.runPendingTasks();
        }
        return sent;
    }

    @Test
    void deniedOpensWhoseAnswersAreNotReadCutTheLink() throws Exception {
        EmbeddedPeer mallory = client("mallory");
        mallory.reads(false);
        Destination forbidden = Destination.of(Destination.TCP, InetAddress.getByName("192.0.2.9"), 1);
        int sent = untilCut(mallory, 500_000, i -> open(mallory, i, forbidden));
        assertThat(sent).isLessThan(100_000);
        mallory.reads(true);
        mallory.take();
        assertThat(mallory.close).startsWith("1008 peer does not read");
    }

    /** Flows that an agent ends at once cost the client that opened them the same. */
    @Test
    void flowsThatEndWhileTheirClientDoesNotReadCutItsLink() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer mallory = client("mallory");
        mallory.reads(false);
        Destination d = Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 1);
        int sent = untilCut(mallory, 500_000, i -> {
            open(mallory, i, d);
            for (WebSocketMessage f : agent.take(Frame.OPEN)) {
                agent.send(Frame.OPENED, 0, f.flowId(), u32(1_000, 0));
                agent.send(Frame.DATA, 0, f.flowId(), Unpooled.buffer().writeZero(10));
                agent.send(Frame.RESET, 0, f.flowId(), Unpooled.buffer().writeByte(0));
            }
        });
        assertThat(sent).isLessThan(200_000);
        assertThat(agent.isUp()).isTrue();
        mallory.take();
        assertThat(mallory.close).startsWith("1008 peer does not read");
    }

    /** An agent that has long reasons is not to end the link of a client that is slow. */
    @Test
    void longRefusalsDoNotCutTheClient() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer slow = client("slow");
        slow.reads(false);
        int flows = 30_000;
        for (int i = 1; i <= flows; i++) {
            open(slow, i, "10.0.0.1", 1);
            for (WebSocketMessage f : agent.take(Frame.OPEN)) {
                agent.send(
                        Frame.REFUSED,
                        0,
                        f.flowId(),
                        Unpooled.buffer().writeByte(1).writeZero(500));
            }
        }
        assertThat(slow.link.side().heldBytes()).isLessThan(1 << 20);
        slow.reads(true);
        List<WebSocketMessage> refused = slow.take(Frame.REFUSED);
        assertThat(refused).hasSize(flows).allMatch(f -> reason(f) == Reason.CONNECTION_REFUSED);
        assertThat(slow.isUp()).isTrue();
    }

    @Test
    void creditIsOneNumberForEachHalfOfAFlow() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer mallory = client("mallory");
        open(mallory, 1, "10.0.0.1", 1);
        int id = agent.take(Frame.OPEN).get(0).flowId();
        agent.send(Frame.OPENED, 0, id, u32(1_000, 0));
        agent.reads(false);
        long before = agent.link.side().heldBytes();
        for (int i = 0; i < 100_000; i++) {
            mallory.send(Frame.CREDIT, 0, 1, u32(0));
            mallory.send(Frame.CREDIT, 0, 1, u32(3));
        }
        assertThat(agent.link.side().heldBytes()).isEqualTo(before);
        agent.reads(true);
        assertThat(agent.take(Frame.CREDIT))
                .singleElement()
                .satisfies(f -> assertThat(f.payload().getInt(f.payload().readerIndex()))
                        .isEqualTo(300_000));
        mallory.send(Frame.CREDIT, 0, 1, u32(FlowHalf.MAX_CREDIT));
        mallory.take();
        assertThat(mallory.close).startsWith("1002 CREDIT beyond");
        assertThat(agent.isUp()).isTrue();
    }

    /** One client, one agent, six links each. */
    @Test
    void flowsAreBoundedForEachClientAndForAll() throws Exception {
        fabric = new TestFabric(auditLog, Clock.systemUTC(), 3_000);
        List<EmbeddedPeer> agents = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            agents.add(agent("i" + i, null));
        }
        List<EmbeddedPeer> clients = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            EmbeddedPeer c = client("mallory");
            clients.add(c);
            for (int id = 1; id <= 1_000; id++) {
                open(c, id, "10.0.0.1", 1);
            }
        }
        assertThat(fabric.services.clientFlows().of("mallory")).isEqualTo(1_500);
        int refused = 0;
        for (EmbeddedPeer c : clients) {
            for (WebSocketMessage f : c.take(Frame.REFUSED)) {
                assertThat(reason(f)).isEqualTo(Reason.OVERLOADED);
                refused++;
            }
        }
        assertThat(refused).isEqualTo(4_500);
        clients.get(0).end();
        assertThat(fabric.services.clientFlows().of("mallory")).isEqualTo(500);
        EmbeddedPeer other = client("laptop");
        open(other, 1, "10.0.0.1", 1);
        assertThat(other.take(Frame.REFUSED)).isEmpty();
    }

    @Test
    void ofAnnouncementsTheNewestWaitsAndNothingElse() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer laptop = client("laptop");
        laptop.take();
        laptop.reads(false);
        long before = laptop.link.side().heldBytes();
        for (int change = 0; change < 8; change++) {
            String[] routes = new String[200];
            for (int i = 0; i < routes.length; i++) {
                routes[i] = "10." + change + "." + i + ".0/24";
            }
            agent.announce("i", routes);
            agent.advance(AgentRole.CHANGE_MILLIS);
            laptop.advance(1_000);
        }
        assertThat(laptop.link.side().heldBytes() - before).isLessThan(64 << 10); // PINGs
        laptop.reads(true);
        List<WebSocketMessage> announcements = laptop.take(Frame.ANNOUNCE);
        assertThat(announcements).hasSize(1);
        Announcement.Reachable said = Announcement.decode(announcements.get(0).payload(), Announcement.Reachable.class);
        assertThat(said.agents().get(0).routes()).contains("10.7.0.0/24").hasSize(200);
    }

    /** Each route of an agent that changes them all the time costs every client's link something. */
    @Test
    void manyChangesOfRoutesAreOne() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer laptop = client("laptop");
        laptop.take();
        for (int change = 0; change < 100; change++) {
            agent.announce("i", "10.0." + change + ".0/24");
        }
        agent.advance(AgentRole.CHANGE_MILLIS);
        laptop.advance(1_000);
        List<WebSocketMessage> announcements = laptop.take(Frame.ANNOUNCE);
        assertThat(announcements).hasSize(1);
        assertThat(announcements.get(0).payload().toString(StandardCharsets.UTF_8))
                .contains("10.0.99.0/24");
    }

    private static String manyDenied(int n) {
        StringBuilder deny = new StringBuilder("deny:\n");
        for (int i = 0; i < n; i++) {
            deny.append("  - {to: 10.1.")
                    .append(i / 128)
                    .append('.')
                    .append(i % 128 * 2)
                    .append("/32}\n");
        }
        return deny + "grants:\n  - {who: \"*\", agents: office, to: [10.0.0.0/8, \"*.lan\"], ports: \"*\"}\n";
    }

    /** A name under a policy that denies many prefixes: each OPEN is long. */
    @Test
    void longOpensToAnAgentThatDoesNotReadAreBounded() throws Exception {
        fabric.policy.policy(PolicyParser.parse(manyDenied(1_000)).at(Instant.now(), SensitiveAddresses.standard()));
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer mallory = client("mallory");
        EmbeddedPeer laptop = client("laptop");
        agent.take();
        agent.reads(false);
        int flows = AgentRole.MAX_OPENS_WAITING_PER_CLIENT + 100;
        for (int i = 1; i <= flows; i++) {
            open(mallory, i, Destination.ofName(Destination.TCP, "a.lan", 80));
        }
        for (int i = 1; i <= 10; i++) {
            mallory.send(Frame.RESET, 0, i, Unpooled.buffer().writeByte(0));
        }
        open(laptop, 1, Destination.ofName(Destination.TCP, "a.lan", 80));
        assertThat(mallory.take(Frame.REFUSED)).hasSize(100).allMatch(f -> reason(f) == Reason.OVERLOADED);
        assertThat(laptop.take(Frame.REFUSED)).isEmpty();
        assertThat(agent.link.side().heldBytes()).isLessThan(1_000);
        agent.reads(true);
        List<WebSocketMessage> frames = new ArrayList<>();
        // On a machine that is slow today the writer takes the link for a slow one, and looks again a little later.
        for (List<WebSocketMessage> some = agent.take(); !some.isEmpty(); some = agent.take()) {
            frames.addAll(some);
            agent.advance(20);
        }
        assertThat(frames.stream().filter(f -> f.type() == Frame.OPEN).count())
                .isEqualTo(AgentRole.MAX_OPENS_WAITING_PER_CLIENT - 10 + 1);
        assertThat(frames).noneMatch(f -> f.type() == Frame.RESET);
        OpenRequest request = OpenRequest.decode(frames.stream()
                .filter(f -> f.type() == Frame.OPEN)
                .findFirst()
                .orElseThrow()
                .payload());
        assertThat(request.restriction().except().toList()).hasSize(1_000);
    }

    /** What names are restricted to is kept once, whatever ports they are asked for on, and not worked out without end. */
    @Test
    void restrictionsAreSharedAndAskedForSoOften() throws Exception {
        fabric.policy.policy(PolicyParser.parse(manyDenied(1_000)).at(Instant.now(), SensitiveAddresses.standard()));
        agent("i", null);
        EmbeddedPeer mallory = client("mallory");
        EmbeddedPeer laptop = client("laptop");
        for (int port = 1; port <= 2_000; port++) {
            open(mallory, port, Destination.ofName(Destination.TCP, "a.lan", port));
        }
        open(laptop, 1, Destination.ofName(Destination.TCP, "a.lan", 9));
        Set<Integer> restrictions = new HashSet<>();
        for (EmbeddedPeer client : List.of(mallory, laptop)) {
            for (FlowHalf half : client.link.side().flows()) {
                restrictions.add(System.identityHashCode(half.judgement.restriction()));
            }
        }
        assertThat(restrictions).hasSize(1);
        List<WebSocketMessage> refused = mallory.take(Frame.REFUSED);
        assertThat(refused).hasSizeBetween(1_000, 1_800).allMatch(f -> reason(f) == Reason.OVERLOADED);
        assertThat(laptop.take(Frame.REFUSED)).isEmpty();
    }

    @Test
    void anInstanceThatComesBackTakesOver() throws Exception {
        EmbeddedPeer old = agent("i", null);
        EmbeddedPeer other = agent("j", null);
        EmbeddedPeer laptop = client("laptop");
        open(laptop, 1, "10.0.0.1", 1);
        EmbeddedPeer fresh = agent("i", null);
        old.take();
        assertThat(old.close).isEqualTo("1001 this instance has connected again");
        assertThat(fabric.fabric.presence().agentCount()).isEqualTo(2);
        int opens = old.take(Frame.OPEN).size();
        for (int id = 2; id < 50; id++) {
            open(laptop, id, "10.0.0.1", 1);
        }
        assertThat(old.take(Frame.OPEN)).isEmpty();
        assertThat(fresh.take(Frame.OPEN).size() + other.take(Frame.OPEN).size())
                .isGreaterThanOrEqualTo(48 + opens);
        assertThat(other.isUp()).isTrue();
    }

    /** The older link says last whose it is: it goes, and nothing of it stays. */
    @Test
    void anInstanceWhoseOlderLinkAnnouncesItselfLastIsThereOnce() throws Exception {
        EmbeddedPeer old = peer(fabric.agent("office", null, "10.0.0.0/8"));
        EmbeddedPeer fresh = agent("i", null);
        old.announce("i", "10.0.0.0/8");
        old.take();
        assertThat(old.close).isEqualTo("1001 this instance has connected again");
        assertThat(fresh.isUp()).isTrue();
        assertThat(fabric.fabric.presence().agentCount()).isOne();
    }

    @Test
    void anotherHolderOfTheNameDoesNotTakeOver() {
        EmbeddedPeer one = agent("i", "key-1");
        EmbeddedPeer two = agent("i", "key-2");
        assertThat(one.isUp()).isTrue();
        assertThat(two.isUp()).isTrue();
    }

    /** A copied agent: each time one is cut it comes back and cuts the other. */
    @Test
    void copiesOfOneInstanceDoNotFightForEver() {
        EmbeddedPeer[] copies = {agent("i", null), agent("i", null)};
        int cuts = 0;
        for (int i = 0; i < 100; i++) {
            for (int c = 0; c < copies.length; c++) {
                if (!copies[c].isUp()) {
                    cuts++;
                    copies[c] = agent("i", null);
                }
            }
        }
        assertThat(cuts).isBetween(2, 12);
        assertThat(Arrays.stream(copies).allMatch(EmbeddedPeer::isUp)).isTrue();
    }

    /** In slices, each once, and each of them is written down. */
    @Test
    void manyFlowsEndWithTheirLink() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer laptop = client("laptop");
        int flows = 8_000;
        for (int id = 1; id <= flows; id++) {
            open(laptop, id, "10.0.0.1", 1);
            if (id % 1_000 == 0) {
                agent.take();
            }
        }
        agent.end();
        assertThat(agent.link.side().flowCount()).isZero();
        assertThat(laptop.take(Frame.RESET)).hasSize(flows).allMatch(f -> reason(f) == Reason.LINK_LOST);
        assertThat(fabric.services.clientFlows().total()).isZero();
        auditLog.close();
        String lines = audit.toString(StandardCharsets.UTF_8);
        assertThat(lines.lines().filter(l -> l.contains("\"event\":\"flow\""))).hasSize(flows);
        assertThat(lines).contains("\"event\":\"link-down\"").contains("\"flows\":" + flows);
    }

    /** Finished flows whose last frame is not read are no longer flows, and still cost something. */
    @Test
    void finsThatAreNotReadAreCounted() throws Exception {
        EmbeddedPeer agent = agent("i", null);
        EmbeddedPeer mallory = client("mallory");
        mallory.reads(false);
        for (int id = 1; id <= 2_000; id++) {
            open(mallory, id, "10.0.0.1", 1);
            int at = agent.take(Frame.OPEN).get(0).flowId();
            agent.send(Frame.OPENED, 0, at, u32(1_000, 0));
            agent.send(Frame.FIN, 0, at, Unpooled.EMPTY_BUFFER);
            mallory.send(Frame.FIN, 0, id, Unpooled.EMPTY_BUFFER);
        }
        assertThat(fabric.services.clientFlows().total()).isZero();
        assertThat(mallory.link.side().heldBytes()).isGreaterThan(2_000 * 512);
        assertThat(fabric.services.backlog().total()).isGreaterThan(2_000 * 512 - BacklogShare.STEP);
    }
}
