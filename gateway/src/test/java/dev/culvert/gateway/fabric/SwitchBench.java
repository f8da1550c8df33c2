package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntUnaryOperator;

/**
 * Two clients and two agents at a switch, all links embedded channels with hand-made peers. Every byte of payload that a peer
 * sends names whose flow it belongs to: a client's own letter, or, from an agent, the letter of the client that opened the
 * flow. So each payload that comes out can be told to be right. Beside them an honest client and an honest agent have a flow
 * that goes on all the time.
 */
final class SwitchBench implements AutoCloseable {
    /** Frames with payload that crossed the switch, and links that were closed for what they sent. */
    record Tally(int delivered, int closed) {}

    /** Flow ids that peers use; few, so that they meet. Agents answer flows whose ids the gateway has chosen. */
    private static final int IDS = 5;

    /** Few, so that they are all in use now and then. */
    private static final int MAX_FLOWS = 24;

    /** What may be in force, one after the other. */
    private static final List<String> POLICIES = List.of(
            "grants: [{who: \"*\", agents: \"*\", to: 0.0.0.0/0, ports: \"*\"}]",
            "deny: [{to: 10.0.0.2/31}]\ngrants: [{who: \"*\", agents: \"*\", to: 0.0.0.0/0, ports: \"*\"}]",
            "grants: [{who: \"*\", agents: kept, to: 0.0.0.0/0, ports: \"*\"}]");

    /** Said for a flow that the sender knows nothing of: nobody may ever receive it. */
    private static final byte STRAY = '!';

    private static final String[] CLIENTS = {"a", "b"};
    private static final int PEERS = 4;

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), MAX_FLOWS);
    private final Peer[] peers = new Peer[PEERS];
    private final EmbeddedPeer honestClient;
    private final EmbeddedPeer honestAgent;
    private final int honestFlow;
    private int delivered;
    private int closed;

    SwitchBench() {
        honestAgent = new EmbeddedPeer(agent("kept"), allocator);
        honestAgent.announce("kept", "10.0.0.0/8");
        honestClient = new EmbeddedPeer(client("honest", "kept"), allocator);
        honestClient.send(Frame.OPEN, 0, 1, open(Destination.TCP, 1, 80, "kept", 1 << 20));
        honestFlow = honestAgent.take(Frame.OPEN).get(0).flowId();
        honestAgent.send(
                Frame.OPENED, 0, honestFlow, Unpooled.buffer().writeInt(1 << 20).writeInt(0));
        for (int i = 0; i < PEERS; i++) {
            peers[i] = new Peer(i);
        }
    }

    Tally tally() {
        return new Tally(delivered, closed);
    }

    /** One peer's link, and what that peer knows. */
    private final class Peer extends EmbeddedPeer {
        private final int index;

        /** An agent's: flow id to the letter of the client that opened it. */
        private final Map<Integer, Byte> owners = new HashMap<>();

        private boolean reading = true;

        Peer(int index) {
            super(index >= CLIENTS.length ? agent("office") : client(CLIENTS[index], "office"), allocator);
            this.index = index;
            if (isAgent()) {
                announce("i" + index, "10.0.0.0/8");
            }
        }

        boolean isAgent() {
            return index >= CLIENTS.length;
        }

        /** Whose bytes this peer's payload on the flow has to be. */
        byte letter(int flowId) {
            return isAgent() ? owners.getOrDefault(flowId, STRAY) : letterOf(index);
        }

        /** Takes what the gateway has sent and checks each frame. */
        void receive() {
            for (WebSocketMessage f : take()) {
                switch (f.type()) {
                    case Frame.OPEN -> opened(f.flowId(), f.payload());
                    case Frame.DATA -> assertOwn(f.flowId(), f.payload(), 0);
                    case Frame.DATAGRAM ->
                        assertOwn(f.flowId(), f.payload(), Frame.datagramPrefix(f.flags() & Frame.FLAG_PORT));
                    case Frame.RESET -> {
                        assertThat(isAgent() && !owners.containsKey(f.flowId()))
                                .as("RESET of a flow that the agent has not heard of")
                                .isFalse();
                        owners.remove(f.flowId());
                    }
                    default -> {
                        // Says nothing that belongs to anybody.
                    }
                }
            }
        }

        private void opened(int flowId, ByteBuf payload) {
            assertThat(isAgent()).as("only agents are sent OPEN").isTrue();
            try {
                String client =
                        Objects.requireNonNull(OpenRequest.decode(payload).client());
                assertThat(client).matches("[ab]#\\d+");
                owners.put(flowId, (byte) client.charAt(0));
            } catch (ProtocolException e) {
                throw new AssertionError("the gateway sends a malformed OPEN", e);
            }
        }

        private void assertOwn(int flowId, ByteBuf payload, int prefix) {
            payload.skipBytes(prefix);
            byte expected = isAgent() ? owners.getOrDefault(flowId, STRAY) : letterOf(index);
            assertThat(expected)
                    .as("payload for a flow that peer " + index + " does not have")
                    .isNotEqualTo(STRAY);
            delivered += payload.isReadable() ? 1 : 0;
            while (payload.isReadable()) {
                assertThat(payload.readByte())
                        .as("peer " + index + " flow " + flowId)
                        .isEqualTo(expected);
            }
        }
    }

    /** Both agents are instances of one: a client's flows go to either. */
    private FrameSwitch agent(String name) {
        return fabric.agent(name, null, "10.0.0.0/8");
    }

    private FrameSwitch client(String name, String agent) {
        return fabric.client(name, agent + ":10.0.0.0/24");
    }

    private static byte letterOf(int client) {
        return (byte) CLIENTS[client].charAt(0);
    }

    /**
     * One peer does one thing.
     *
     * @param choice gives a number from 0 to its argument - 1, or -1 at the end of the input
     * @return false when the input has ended
     */
    boolean step(IntUnaryOperator choice) {
        int who = choice.applyAsInt(PEERS);
        int what = choice.applyAsInt(32);
        if (who < 0 || what < 0) {
            return false;
        }
        Peer peer = peers[who];
        if (!peer.isUp()) {
            replace(who);
            return true;
        }
        int id = pickId(peer, Math.max(0, choice.applyAsInt(IDS)));
        int n = Math.max(0, choice.applyAsInt(40));
        List<Boolean> openBefore = isOpen();
        switch (what) {
            case 0, 1, 2, 3, 4, 5 -> open(peer, id, n);
            case 6, 7, 8 ->
                peer.send(
                        Frame.OPENED,
                        0,
                        id,
                        Unpooled.buffer().writeInt(n * 1_000).writeInt(n));
            case 9 -> peer.send(Frame.REFUSED, 0, id, letters(peer, id, n));
            case 10, 11, 12, 13 -> peer.send(Frame.DATA, n & 1, id, letters(peer, id, n * n));
            case 14, 15, 16 -> datagram(peer, id, n);
            case 17 -> peer.send(Frame.FIN, 0, id, Unpooled.EMPTY_BUFFER);
            case 18 -> peer.send(Frame.RESET, 0, id, letters(peer, id, n & 1));
            case 19 -> peer.send(Frame.CREDIT, 0, id, Unpooled.buffer().writeInt(n < 38 ? n * 500 : Integer.MAX_VALUE));
            case 20 -> peer.send(n, n, id, letters(peer, id, n)); // any type and flags, PING, PONG and DRAIN among them
            case 21 -> peer.advance(n * 10L);
            case 22 -> replace(who);
            case 24, 25, 26 -> {
                peer.reading = n % 3 == 0;
                peer.reads(peer.reading);
            }
            case 27 -> peer.send(Frame.CREDIT, 0, id, Unpooled.buffer().writeInt(0));
            case 28 -> fabric.policy.policy(policy(POLICIES.get(n % POLICIES.size())));
            case 29 -> peer.announce("i" + index(who, n), "10.0." + n + ".0/24", "10.0.0.0/8");
            case 30 -> takeOver(who, n);
            case 31 -> peer.advance(n * 100L);
            default -> peer.end();
        }
        peer.channel.runScheduledPendingTasks();
        List<Boolean> openAfter = isOpen();
        for (int i = 0; i < PEERS; i++) {
            if (i != who && !(what == 30 && peer.isAgent()) && !(what == 29 && peer.isAgent())) {
                assertThat(openAfter.get(i))
                        .as("peer " + i + " after what peer " + who + " did")
                        .isEqualTo(openBefore.get(i));
            } else if (openBefore.get(i) && !openAfter.get(i) && what < 21) {
                closed++;
            }
        }
        return true;
    }

    private List<Boolean> isOpen() {
        List<Boolean> open = new ArrayList<>();
        for (Peer p : peers) {
            open.add(p.isUp());
        }
        return open;
    }

    private int pickId(Peer peer, int n) {
        if (!peer.isAgent() || peer.owners.isEmpty() || n == 0) {
            return n + 1 | (peer.isAgent() ? Frame.SERVER_OPENED : 0);
        }
        List<Integer> ids = new ArrayList<>(peer.owners.keySet());
        return ids.get(n % ids.size());
    }

    private static void open(Peer peer, int id, int n) {
        int[] protocols = {Destination.TCP, Destination.UDP, Destination.ICMP};
        // One port is an agent's that does not exist.
        peer.send(
                Frame.OPEN,
                0,
                id,
                open(protocols[n % 3], n, 1 + n, n == 39 ? "nowhere" : "office", n % 3 == 0 ? n * 1_000 : 0));
    }

    /** Some of the addresses are granted. */
    private static ByteBuf open(int protocol, int n, int port, String agent, long credit) {
        ByteBuf b = Unpooled.buffer();
        try {
            InetAddress host = InetAddress.getByAddress(new byte[] {10, 0, (byte) (n % 8 == 7 ? 1 : 0), (byte) n});
            new OpenRequest(
                            Destination.of(protocol, host, port),
                            agent,
                            null,
                            new InetSocketAddress("10.9.9.9", port),
                            credit,
                            0,
                            null)
                    .encode(b);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 4 bytes", e);
        }
        return b;
    }

    private static PolicySnapshot policy(String text) {
        try {
            return PolicyParser.parse(text).at(Instant.now(), SensitiveAddresses.standard());
        } catch (PolicyException e) {
            throw new IllegalStateException(text, e);
        }
    }

    /** An agent's instance comes back on a new link before its old one has ended; or another claims to be it. */
    private void takeOver(int who, int n) {
        if (!peers[who].isAgent()) {
            return;
        }
        EmbeddedPeer again = new EmbeddedPeer(agent("office"), allocator);
        again.announce("i" + index(who, n), "10.0.0.0/8");
        again.end();
    }

    private static int index(int who, int n) {
        return n % 4 == 0 ? CLIENTS.length + n / 4 % 2 : who;
    }

    private static void datagram(Peer peer, int id, int n) {
        int flags = n % 8;
        ByteBuf b = Unpooled.buffer();
        if ((flags & Frame.FLAG_PORT) != 0 && n < 36) {
            b.writeShort(1 + n);
        }
        peer.send(Frame.DATAGRAM, flags, id, b.writeBytes(letters(peer, id, n)));
    }

    private static ByteBuf letters(Peer peer, int id, int n) {
        byte[] bytes = new byte[n];
        Arrays.fill(bytes, peer.letter(id));
        return Unpooled.wrappedBuffer(bytes);
    }

    private void replace(int who) {
        peers[who].end();
        peers[who] = new Peer(who);
    }

    /** Takes what everybody was sent, and sees that the honest ones are not harmed. */
    void check() {
        for (Peer p : peers) {
            p.receive();
        }
        honestClient.send(Frame.DATA, 0, 1, Unpooled.buffer().writeByte('h'));
        assertThat(honestAgent.take(Frame.DATA))
                .singleElement()
                .satisfies(f -> assertThat(f.payload()).isEqualTo(Unpooled.wrappedBuffer(new byte[] {'h'})));
        honestAgent.send(Frame.DATA, 0, honestFlow, Unpooled.buffer().writeByte('H'));
        assertThat(honestClient.take(Frame.DATA)).hasSize(1);
        for (int i = 0; i < CLIENTS.length; i++) {
            assertThat(fabric.services.clientFlows().of(CLIENTS[i]))
                    .isEqualTo(peers[i].link.side().flowCount());
        }
        assertThat(fabric.services.agentFlows().of("office"))
                .isEqualTo(
                        peers[2].link.side().flowCount() + peers[3].link.side().flowCount());
    }

    @Override
    public void close() {
        check();
        for (Peer p : peers) {
            p.end();
        }
        honestClient.end();
        honestAgent.end();
        assertThat(fabric.links.count()).isZero();
        assertThat(fabric.fabric.presence().clientCount()
                        + fabric.fabric.presence().agentCount())
                .isZero();
        assertThat(fabric.services.clientFlows().total()).as("flows left").isZero();
        assertThat(fabric.services.agentFlows().total()).as("flows left").isZero();
        assertThat(fabric.services.backlog().total()).as("backlog left").isZero();
        assertThat(allocator.metric().usedDirectMemory())
                .as("direct memory left")
                .isZero();
        assertThat(allocator.metric().usedHeapMemory()).as("heap memory left").isZero();
    }
}
