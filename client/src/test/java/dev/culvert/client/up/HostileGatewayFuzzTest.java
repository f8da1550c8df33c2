package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/**
 * A gateway that sends any frame in any order about flows that exist, existed, or never did, while applications come and go.
 * Nothing throws but what ends the link, nothing leaks, what is kept meanwhile is bounded, and when link and interface are
 * gone every table is empty.
 */
@NullUnmarked
class HostileGatewayFuzzTest {
    private static final int STEPS = 400;
    /** Direct memory at any time: windows of a few flows, and no more. */
    private static final long MOST_MEMORY = 64 << 20;

    private static final int CLIENT = 0x0a09_0002;
    private static final int HOST = 0x0a63_0001;

    @FuzzTest(maxDuration = "1h")
    void framesAndPackets(byte[] script) {
        play(script);
    }

    @Test
    void randomScripts() {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        System.out.println("seed " + seed + " (again with -Dculvert.seed)");
        Random random = new Random(seed);
        for (int run = 0; run < 150; run++) {
            byte[] script = new byte[1 + random.nextInt(3_000)];
            random.nextBytes(script);
            try {
                play(script);
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("culvert.seed=" + seed + " run=" + run, e);
            }
        }
    }

    private static void play(byte[] script) {
        Logger root = (Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        ListAppender<ILoggingEvent> warnings = new ListAppender<>();
        warnings.start();
        root.addAppender(warnings);
        try {
            ClientBench bench = new ClientBench("10.99.0.0/16");
            try (bench) {
                new Play(bench, ByteBuffer.wrap(script)).all();
            }
            assertThat(bench.uplink.flowCount()).as("flows of the link").isZero();
            assertThat(bench.counts.tcp + bench.counts.udp + bench.counts.echo)
                    .as("flows that are counted")
                    .isZero();
            assertThat(bench.stack.stats().udpFlows() + bench.stack.stats().echoFlows())
                    .as("datagram flows of the stack")
                    .isZero();
            assertThat(bench.stack.stats().get(IpCounter.DROPPED_INTERNAL_ERROR))
                    .as("exceptions in the stack")
                    .isZero();
            assertThat(bench.allocator.metric().usedDirectMemory())
                    .as("direct memory left")
                    .isZero();
            assertThat(bench.allocator.metric().usedHeapMemory())
                    .as("heap memory left")
                    .isZero();
        } finally {
            root.detachAppender(warnings);
        }
        assertThat(warnings.list.stream()
                        .filter(e -> e.getLevel().isGreaterOrEqual(Level.WARN))
                        .map(e -> e
                                + (e.getThrowableProxy() == null
                                        ? ""
                                        : " " + e.getThrowableProxy().getMessage())))
                .as("warnings, of exceptions that nobody caught and of leaks")
                .isEmpty();
    }

    /** A connection as the application's kernel knows it. */
    private static final class Peer {
        int port;
        int next = 1000;
        int expected;
        boolean established;
    }

    /** One script: each step takes a byte for what to do, and more for how. */
    private static final class Play {
        private final ClientBench bench;
        private final ByteBuffer script;
        private final List<Integer> ids = new ArrayList<>();
        private final List<Peer> peers = new ArrayList<>();
        private byte[] lastOut;
        private boolean blocked;

        Play(ClientBench bench, ByteBuffer script) {
            this.bench = bench;
            this.script = script;
        }

        private int u8() {
            return script.hasRemaining() ? script.get() & 0xff : 0;
        }

        private int u16() {
            return u8() << 8 | u8();
        }

        void all() {
            for (int step = 0; step < STEPS && script.hasRemaining(); step++) {
                int what = u8();
                if ((what & 1) == 0) {
                    application(what >>> 1);
                } else {
                    gateway(what >>> 1);
                }
                take();
                assertThat(bench.allocator.metric().usedDirectMemory()).isLessThan(MOST_MEMORY);
                if (!bench.link.channel.isOpen()) {
                    bench.reconnect();
                    block(false);
                }
            }
        }

        /** Learns from what came out: ids of flows, and what the stack's connections expect. */
        private void take() {
            for (WebSocketMessage sent : bench.takeFrames()) {
                if (sent.type() == Frame.OPEN) {
                    ids.add(sent.flowId());
                }
            }
            for (byte[] ip = bench.takePacket(); ip != null; ip = bench.takePacket()) {
                lastOut = ip;
                ByteBuf b = Unpooled.wrappedBuffer(ip);
                if (Ipv4.protocol(b, 0) != IpProtocol.TCP) {
                    continue;
                }
                for (Peer peer : peers) {
                    if (peer.port == Tcp.destinationPort(b, 20)) {
                        int length = ip.length - 20 - Tcp.headerLength(b, 20);
                        boolean syn = (Tcp.flags(b, 20) & Tcp.SYN) != 0;
                        boolean fin = (Tcp.flags(b, 20) & Tcp.FIN) != 0;
                        peer.expected = Tcp.sequence(b, 20) + length + (syn || fin ? 1 : 0);
                    }
                }
            }
        }

        // ---- the applications and their kernel ----

        private void application(int what) {
            switch (what % 10) {
                case 0, 1 -> {
                    Peer peer = new Peer();
                    peer.port = 40_000 + peers.size();
                    peers.add(peer);
                    tcp(peer, Tcp.SYN, 0, peer.next);
                    peer.next++;
                }
                case 2 -> withPeer(peer -> tcp(peer, Tcp.ACK, 0, peer.next));
                case 3, 4 ->
                    withPeer(peer -> {
                        int length = u16() % 20_000;
                        tcp(peer, Tcp.ACK | Tcp.PSH, length, peer.next);
                        peer.next += length;
                    });
                case 5 -> withPeer(peer -> tcp(peer, u8() & 0x3f, u8(), peer.next + (byte) u8()));
                case 6 -> bench.packet(VirtioNetHeader.DATA_VALID, 0, udp(50_000 + u8() % 4, u8() % 8, u16() % 3_000));
                case 7 -> bench.packet(VirtioNetHeader.DATA_VALID, 0, echo(u8() % 3, u8() % 500));
                case 8 -> {
                    if (lastOut != null) {
                        bench.packet(VirtioNetHeader.DATA_VALID, 0, icmpError(u8() % 13, u8() % 16, lastOut));
                    }
                }
                default -> bench.advance(1L << u8() % 18);
            }
        }

        private void withPeer(java.util.function.Consumer<Peer> what) {
            if (!peers.isEmpty()) {
                what.accept(peers.get(u8() % peers.size()));
            }
        }

        private void tcp(Peer peer, int flags, int length, int sequence) {
            ByteBuf b = Unpooled.buffer();
            int options = (flags & Tcp.SYN) != 0 ? 12 : 0;
            Ipv4.write(b, 0, 40 + options + length, 0, 0, 64, IpProtocol.TCP, CLIENT, HOST);
            int header = 20 + options;
            Tcp.write(b, peer.port, 80, sequence, peer.expected, header, flags, u16(), 0);
            if (options > 0) {
                b.writeInt(0x0204_05b4).writeInt(0x0103_0307).writeInt(0x0101_0402);
            }
            bench.packet(VirtioNetHeader.DATA_VALID, 0, ByteBufUtil.getBytes(b.writeZero(length)));
        }

        private static byte[] udp(int port, int to, int length) {
            ByteBuf b = Unpooled.buffer();
            Ipv4.write(b, 0, 28 + length, 0, 0, to == 0 ? 1 : to == 1 ? 5 : 64, IpProtocol.UDP, CLIENT, HOST + to);
            b.writeShort(port)
                    .writeShort(to == 2 ? 0 : 53 + to)
                    .writeShort(8 + length)
                    .writeShort(0);
            return ByteBufUtil.getBytes(b.writeZero(length));
        }

        private static byte[] echo(int identifier, int length) {
            ByteBuf b = Unpooled.buffer();
            Ipv4.write(b, 0, 28 + length, 0, 0, 64, IpProtocol.ICMP, CLIENT, HOST);
            b.writeInt(0x0800_0000).writeShort(identifier).writeShort(1).writeZero(length);
            return ByteBufUtil.getBytes(b);
        }

        private static byte[] icmpError(int type, int code, byte[] about) {
            int quoted = Math.min(about.length, 60);
            ByteBuf b = Unpooled.buffer();
            Ipv4.write(b, 0, 28 + quoted, 0, 0, 64, IpProtocol.ICMP, CLIENT, HOST);
            b.writeByte(type).writeByte(code).writeShort(0).writeInt(576).writeBytes(about, 0, quoted);
            b.setShort(22, Checksum.finish(Checksum.sum(b, 20, 8 + quoted)));
            return ByteBufUtil.getBytes(b);
        }

        // ---- the gateway ----

        private void gateway(int what) {
            switch (what % 16) {
                case 0, 1, 2 -> bench.frame(Frame.OPENED, 0, id(), u32s(u8() % 3 == 0 ? u16() : 65_536, u8()));
                case 3 -> bench.frame(Frame.REFUSED, 0, id(), new byte[] {(byte) (u8() % 20), 'n', 'o'});
                case 4, 5, 6 -> bench.frame(Frame.DATA, u8() & 1, id(), new byte[u16() % 17_000]);
                case 7 -> bench.frame(Frame.FIN, 0, id(), new byte[0]);
                case 8 -> bench.frame(Frame.RESET, 0, id(), new byte[] {(byte) (u8() % 20)});
                case 9 -> bench.frame(Frame.CREDIT, 0, id(), u32s(u8() % 4 == 0 ? -1 : u16()));
                case 10, 11 -> bench.frame(Frame.DATAGRAM, u8() & 15, id(), some(u8()));
                case 12 -> bench.frame(Frame.ANNOUNCE, 0, 0, announcement());
                case 13 -> block(!blocked);
                case 14 -> bench.frame(u8() % 16, u8(), u8() & 1, some(u8() % 64));
                default -> {
                    if (u8() % 8 == 0) {
                        bench.reconnect();
                        block(false);
                    } else {
                        bench.frame(Frame.OPEN, 0, Frame.SERVER_OPENED | 1 + u8(), open());
                    }
                }
            }
        }

        private int id() {
            int which = u8();
            return ids.isEmpty() || which == 255 ? which : ids.get(Math.max(0, ids.size() - 1 - which % 8));
        }

        private static byte[] u32s(int... values) {
            ByteBuffer b = ByteBuffer.allocate(4 * values.length);
            for (int value : values) {
                b.putInt(value);
            }
            return b.array();
        }

        private byte[] some(int length) {
            byte[] bytes = new byte[length];
            for (int i = 0; i < length && i < 12; i++) {
                bytes[i] = (byte) u8();
            }
            return bytes;
        }

        private byte[] announcement() {
            return bytes(
                    switch (u8() % 4) {
                        case 0 -> "{\"client\":\"c\",\"agents\":[]}";
                        case 1 ->
                            "{\"client\":\"c\",\"agents\":[{\"name\":\"office\",\"instances\":1,\"routes\":"
                                    + "[\"10.99.0.0/16\",\"nonsense\"],\"services\":[]}]}";
                        case 2 -> "{\"client\":1,\"agents\":7}";
                        default ->
                            "{\"client\":\"c\",\"agents\":[{\"name\":\"b\",\"instances\":" + u8()
                                    + ",\"routes\":[\"0.0.0.0/" + u8() % 40 + "\"],\"services\":[]}]}";
                    });
        }

        private static byte[] bytes(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }

        private byte[] open() {
            return new byte[] {6, 4, 10, 0, 0, 1, 0, 80};
        }

        /** The gateway stops reading, or goes on. */
        private void block(boolean stop) {
            blocked = stop;
            if (bench.link.channel.isOpen()) {
                bench.link.channel.unsafe().outboundBuffer().setUserDefinedWritability(1, !stop);
                bench.settle();
            }
        }
    }
}
