package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.IpPrefix;
import dev.culvert.token.SensitiveAddresses;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.OpenRequest;
import dev.culvert.tunnel.ProtocolException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;

/**
 * Two clients and two agents at a switch, all links embedded channels with hand-made peers. Every byte of payload that a peer
 * sends names whose flow it belongs to: a client's own letter, or, from an agent, the letter of the client that opened the
 * flow. So each payload that comes out can be told to be right.
 */
final class SwitchBench implements AutoCloseable {
    /** Frames with payload that crossed the switch, and links that were closed for what they sent. */
    record Tally(int delivered, int closed) {}

    /** Flow ids that peers use; few, so that they meet. Agents answer flows whose ids the gateway has chosen. */
    private static final int IDS = 5;

    /** Said for a flow that the sender knows nothing of: nobody may ever receive it. */
    private static final byte STRAY = '!';

    private static final String[] CLIENTS = {"a", "b"};
    private static final int PEERS = 4;

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
    private final LinkRegistry registry =
            new LinkRegistry(SensitiveAddresses.standard(), token -> false, AuditLog.none());
    private final Peer[] peers = new Peer[PEERS];
    private long links;
    private int delivered;
    private int closed;

    SwitchBench() {
        for (int i = 0; i < PEERS; i++) {
            peers[i] = new Peer(i);
        }
    }

    Tally tally() {
        return new Tally(delivered, closed);
    }

    /** One peer's link, and what that peer knows. */
    private final class Peer {
        private final int index;
        private final EmbeddedChannel channel = new EmbeddedChannel();
        private final SwitchedLink link;

        /** An agent's: flow id to the letter of the client that opened it. */
        private final Map<Integer, Byte> owners = new HashMap<>();

        Peer(int index) {
            this.index = index;
            link = isAgent() ? agent() : client();
            channel.config().setAllocator(allocator);
            channel.pipeline().addLast(new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, link));
            if (isAgent()) {
                String announcement = "{\"instance\":\"i" + index + "\",\"routes\":[\"10.0.0.0/8\"]}";
                send(Frame.ANNOUNCE, 0, 0, Unpooled.copiedBuffer(announcement, StandardCharsets.UTF_8));
            }
        }

        boolean isAgent() {
            return index >= CLIENTS.length;
        }

        /** Both agents are instances of one: a client's flows go to either. */
        private SwitchedLink agent() {
            return new AgentLink(
                    registry,
                    AgentToken.of(terms("office"), List.of(IpPrefix.parse("10.0.0.0/8"))),
                    holder("agent", "office"));
        }

        private SwitchedLink client() {
            return new ClientLink(
                    registry,
                    ClientToken.of(terms(CLIENTS[index]), List.of(Grant.parse("office:10.0.0.0/24"))),
                    holder("client", CLIENTS[index]));
        }

        private static TokenTerms terms(String name) {
            Instant now = Instant.now();
            return TokenTerms.of(name, List.of(URI.create("wss://gateway.example")), null, now, now.plusSeconds(600));
        }

        private AuditRecord.Holder holder(String kind, String name) {
            return new AuditRecord.Holder(++links, kind, name, "token", null, "192.0.2.1");
        }

        /** Sends one frame as one masked message (RFC 6455 section 5.2), the key being 0. Takes {@code payload}. */
        void send(int type, int flags, int flowId, ByteBuf payload) {
            int n = Frame.HEADER_LENGTH + payload.readableBytes();
            ByteBuf message = allocator.directBuffer(16 + n);
            message.writeByte(0x82);
            if (n < 126) {
                message.writeByte(0x80 | n);
            } else {
                message.writeByte(0x80 | 126).writeShort(n);
            }
            message.writeInt(0);
            message.writeByte(type)
                    .writeByte(flags)
                    .writeShort(0)
                    .writeInt(flowId)
                    .writeBytes(payload);
            payload.release();
            if (channel.isOpen()) {
                channel.writeInbound(message);
            } else {
                message.release();
            }
        }

        /** Whose bytes this peer's payload on the flow has to be. */
        byte letter(int flowId) {
            return isAgent() ? owners.getOrDefault(flowId, STRAY) : letterOf(index);
        }

        /** Takes what the gateway has sent and checks each frame. */
        void receive() {
            channel.runPendingTasks();
            channel.checkException();
            ByteBuf all = Unpooled.buffer();
            for (ByteBuf b = channel.readOutbound(); b != null; b = channel.readOutbound()) {
                all.writeBytes(b);
                b.release();
            }
            while (all.isReadable()) {
                int opcode = all.readUnsignedByte();
                int length = all.readUnsignedByte();
                length = length < 126 ? length : length == 126 ? all.readUnsignedShort() : (int) all.readLong();
                ByteBuf message = all.readSlice(length);
                if (opcode == 0x82) {
                    frame(message);
                }
            }
        }

        private void frame(ByteBuf message) {
            int type = message.readUnsignedByte();
            int flags = message.readUnsignedByte();
            message.skipBytes(2);
            int flowId = message.readInt();
            switch (type) {
                case Frame.OPEN -> opened(flowId, message);
                case Frame.DATA -> assertOwn(flowId, message, 0);
                case Frame.DATAGRAM -> assertOwn(flowId, message, Frame.datagramPrefix(flags & Frame.FLAG_PORT));
                case Frame.RESET -> owners.remove(flowId);
                default -> {
                    // Says nothing that belongs to anybody.
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
        int what = choice.applyAsInt(24);
        if (who < 0 || what < 0) {
            return false;
        }
        Peer peer = peers[who];
        if (!peer.channel.isOpen() || !peer.link.isUp()) {
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
            case 21 -> peer.channel.advanceTimeBy(n * 10L, TimeUnit.MILLISECONDS);
            case 22 -> replace(who);
            default -> peer.channel.close();
        }
        peer.channel.runScheduledPendingTasks();
        List<Boolean> openAfter = isOpen();
        for (int i = 0; i < PEERS; i++) {
            if (i != who) {
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
            open.add(p.channel.isOpen() && p.link.isUp());
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
        ByteBuf b = Unpooled.buffer();
        try {
            // Some of the addresses are granted, and one port is an agent's that does not exist.
            InetAddress host = InetAddress.getByAddress(new byte[] {10, 0, (byte) (n % 8 == 7 ? 1 : 0), (byte) n});
            int[] protocols = {Destination.TCP, Destination.UDP, Destination.ICMP};
            new OpenRequest(
                            Destination.of(protocols[n % 3], host, 1 + n),
                            n == 39 ? "nowhere" : "office",
                            null,
                            new InetSocketAddress("10.9.9.9", 1 + n),
                            n % 3 == 0 ? n * 1_000 : 0,
                            0,
                            null)
                    .encode(b);
        } catch (UnknownHostException e) {
            throw new IllegalStateException("an address of 4 bytes", e);
        }
        peer.send(Frame.OPEN, 0, id, b);
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
        peers[who].channel.close();
        peers[who].receive();
        peers[who].channel.finishAndReleaseAll();
        peers[who] = new Peer(who);
    }

    /** Takes what everybody was sent. */
    void check() {
        for (Peer p : peers) {
            p.receive();
        }
    }

    @Override
    public void close() {
        check();
        for (Peer p : peers) {
            p.channel.close();
        }
        check();
        for (Peer p : peers) {
            p.channel.finishAndReleaseAll();
        }
        assertThat(registry.linkCount()).isZero();
        assertThat(registry.clientCount() + registry.agentCount()).isZero();
        assertThat(allocator.metric().usedDirectMemory())
                .as("direct memory left")
                .isZero();
        assertThat(allocator.metric().usedHeapMemory()).as("heap memory left").isZero();
    }
}
