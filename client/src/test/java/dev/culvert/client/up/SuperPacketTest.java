package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.EchoFlow;
import dev.culvert.stack.IpStack;
import dev.culvert.stack.StackConfig;
import dev.culvert.stack.StackListener;
import dev.culvert.stack.UdpFlow;
import dev.culvert.stack.tcp.TcpRequest;
import dev.culvert.stack.wire.Checksum;
import dev.culvert.stack.wire.IpProtocol;
import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Tcp;
import dev.culvert.stack.wire.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import java.io.ByteArrayOutputStream;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/**
 * Device and stack together, without a kernel: random super-packets, cut up in software, are what our own stack reads from
 * a device without offload, and what it answers is cut up likewise. Every segment is judged by {@link SegmentJudge}, and both
 * ways the bytes arrive that were sent.
 */
@NullUnmarked
final class SuperPacketTest {
    private static final int ROUNDS = 40;
    private static final int MAX_PACKET = 65_535;
    private static final int PEER_PORT = 40_000;

    /** The stack keeps 512 segments that came early, and drops what is over that, to be sent again. */
    private static final int MOST_EARLY = 500;

    @Test
    void whatIsCutUpArrivesWhole() {
        long seed = Long.getLong("culvert.seed", System.nanoTime());
        System.out.println("seed " + seed + " (again with -Dculvert.seed)");
        Random random = new Random(seed);
        for (int round = 0; round < ROUNDS; round++) {
            try (Peer peer = new Peer(random)) {
                peer.talk(1 + random.nextInt(4));
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError("culvert.seed=" + seed + " round=" + round, e);
            }
        }
    }

    /** The application behind the stack: keeps what it reads. */
    private static final class App extends ChannelInboundHandlerAdapter {
        final ByteArrayOutputStream read = new ByteArrayOutputStream();
        boolean inputEnded;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            byte[] bytes = new byte[b.readableBytes()];
            b.readBytes(bytes);
            b.release();
            read.writeBytes(bytes);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            inputEnded |= event == ChannelInputShutdownEvent.INSTANCE;
        }
    }

    /** A host on the other side of the device, written by hand, and one connection of it to the stack. */
    private static final class Peer implements AutoCloseable {
        private final Random random;
        private final boolean ipv6;
        private final boolean timestamps;
        private final App app = new App();
        private final EmbeddedChannel device = new EmbeddedChannel();
        private final int mss;
        private Channel flow;
        private int next; // SND.NXT
        private int expected; // RCV.NXT
        private int echo; // the stack's latest timestamp
        private int identification;
        private boolean finished;

        Peer(Random random) {
            this.random = random;
            ipv6 = random.nextBoolean();
            timestamps = random.nextBoolean();
            mss = 536 + random.nextInt(random.nextBoolean() ? 1000 : 60_000);
            next = random.nextInt();
            identification = random.nextInt(0x10000);
            device.freezeTime();
            int mtu = random.nextBoolean() ? 1500 : 1280 + random.nextInt(64_000);
            device.pipeline()
                    .addLast(new IpStack(
                            StackConfig.builder()
                                    .mtu(mtu)
                                    .secret(random.nextLong(), random.nextLong())
                                    .build(),
                            new StackListener() {
                                @Override
                                public void onTcp(TcpRequest request) {
                                    flow = request.accept(app);
                                }

                                @Override
                                public void onUdp(UdpFlow flow) {
                                    flow.close();
                                }

                                @Override
                                public void onEcho(EchoFlow flow) {
                                    flow.close();
                                }
                            }));
            connect();
        }

        private void connect() {
            ByteBuf options = Unpooled.buffer()
                    .writeByte(2)
                    .writeByte(4)
                    .writeShort(mss)
                    .writeByte(1)
                    .writeByte(3)
                    .writeByte(3)
                    .writeByte(10);
            if (random.nextBoolean()) {
                options.writeByte(1).writeByte(1).writeByte(4).writeByte(2);
            }
            give(SegmentJudge.cut(packet(Tcp.SYN, options, new byte[0], MAX_PACKET))
                    .segments());
            next++;
            SegmentJudge.Cut synAck = take().get(0);
            assertThat(synAck.flags()).isEqualTo(Tcp.SYN | Tcp.ACK);
            expected = synAck.sequence() + 1;
            acknowledge();
        }

        /** What the stack has written, judged; tells its latest timestamp. */
        private List<SegmentJudge.Cut> take() {
            List<SegmentJudge.Cut> all = new java.util.ArrayList<>();
            device.runPendingTasks();
            for (ByteBuf b = device.readOutbound(); b != null; b = device.readOutbound()) {
                SegmentJudge.Cut cut = SegmentJudge.cut(b);
                rememberTimestamp(cut.segments().get(0));
                all.add(cut);
            }
            return all;
        }

        private void rememberTimestamp(byte[] segment) {
            int tcp = ipv6 ? 40 : 20;
            int end = tcp + (segment[tcp + 12] >>> 4 & 15) * 4;
            for (int at = tcp + 20; at < end && segment[at] != 0; at += segment[at] == 1 ? 1 : segment[at + 1]) {
                if (segment[at] == 8) {
                    echo = SegmentJudge.int32(segment, at + 2);
                }
            }
        }

        /** As a device without offload gives them: nothing is known of their checksums. */
        private void give(List<byte[]> segments) {
            Object[] messages = new Object[segments.size()];
            for (int i = 0; i < messages.length; i++) {
                ByteBuf b = Unpooled.directBuffer(VirtioNetHeader.LENGTH + segments.get(i).length);
                VirtioNetHeader.writeComplete(b);
                messages[i] = b.writeBytes(segments.get(i));
            }
            device.writeInbound(messages);
        }

        private void acknowledge() {
            give(SegmentJudge.cut(packet(Tcp.ACK, Unpooled.buffer(), new byte[0], MAX_PACKET))
                    .segments());
        }

        void talk(int exchanges) {
            for (int i = 0; i < exchanges; i++) {
                send(i == exchanges - 1 && random.nextBoolean());
                receive(i == exchanges - 1 && random.nextBoolean());
            }
        }

        /** One super-packet of ours, cut up or whole. */
        private void send(boolean fin) {
            ByteBuf options = randomOptions();
            int room = MAX_PACKET - 60 - 40 - 60; // IP with options, TCP with options
            byte[] payload = new byte[1 + random.nextInt(random.nextInt(4) == 0 ? 40 : room)];
            random.nextBytes(payload);
            int flags = Tcp.ACK
                    | (fin ? Tcp.FIN : 0)
                    | (random.nextBoolean() ? Tcp.PSH : 0)
                    | (random.nextBoolean() ? Tcp.CWR : 0)
                    | (random.nextBoolean() ? Tcp.ECE : 0);
            int size = 88 + random.nextInt(random.nextBoolean() ? 1400 : MAX_PACKET - 88);
            ByteBuf whole = packet(flags, options, payload, size);
            ByteBuf uncut = whole.copy();
            SegmentJudge.Cut cut = SegmentJudge.cut(whole);
            assertThat(cut.payload()).isEqualTo(payload);
            app.read.reset();
            if (random.nextInt(3) == 0) {
                device.writeInbound(uncut); // as a device with offload gives it
            } else {
                uncut.release();
                if (random.nextInt(4) == 0 && cut.segments().size() <= MOST_EARLY) {
                    // Early ones wait in the stack, which then puts the bytes in order.
                    Collections.shuffle(cut.segments(), random);
                }
                give(cut.segments());
            }
            assertThat(app.read.toByteArray()).isEqualTo(payload);
            assertThat(app.inputEnded).isEqualTo(fin);
            next += payload.length + (fin ? 1 : 0);
            finished = fin;
            take();
        }

        /** The application writes in pieces, and the peer takes all of it. */
        private void receive(boolean fin) {
            byte[] bytes = new byte[1 + random.nextInt(random.nextInt(4) == 0 ? 40 : 200_000)];
            random.nextBytes(bytes);
            for (int at = 0; at < bytes.length; ) {
                int n = Math.min(bytes.length - at, 1 + random.nextInt(1 + random.nextInt(90_000)));
                flow.write(Unpooled.directBuffer(n).writeBytes(bytes, at, n));
                at += n;
                if (random.nextInt(3) == 0) {
                    flow.flush();
                }
            }
            flow.flush();
            ByteArrayOutputStream got = new ByteArrayOutputStream();
            boolean ended = false;
            for (int turn = 0; got.size() < bytes.length || fin && !ended; turn++) {
                assertThat(turn)
                        .as("of %d bytes %d have come", bytes.length, got.size())
                        .isLessThan(1_000);
                for (SegmentJudge.Cut cut : take()) {
                    assertThat(cut.sequence())
                            .as("nothing is lost, so nothing comes twice")
                            .isEqualTo(expected);
                    got.writeBytes(cut.payload());
                    ended |= (cut.flags() & Tcp.FIN) != 0;
                    expected += cut.payload().length + ((cut.flags() & Tcp.FIN) != 0 ? 1 : 0);
                    for (byte[] segment : cut.segments()) {
                        assertThat(segment.length).isLessThanOrEqualTo((ipv6 ? 40 : 20) + 20 + mss);
                    }
                }
                acknowledge();
                if (fin && got.size() == bytes.length && !ended) {
                    flow.close();
                }
            }
            assertThat(got.toByteArray()).isEqualTo(bytes);
            assertThat(ended).isEqualTo(fin);
        }

        /** Options that a stack must skip, behind those that it uses; always whole words. */
        private ByteBuf randomOptions() {
            ByteBuf options = Unpooled.buffer();
            for (int words = random.nextInt(5); words > 0; words--) {
                if (random.nextBoolean()) {
                    options.writeInt(0x01010101);
                } else {
                    options.writeByte(253).writeByte(4).writeShort(random.nextInt()); // RFC 4727
                }
            }
            return options;
        }

        /** Takes {@code options}. */
        private ByteBuf packet(int flags, ByteBuf options, byte[] payload, int gsoSize) {
            if (timestamps) {
                options.writeShort(0x0101)
                        .writeByte(8)
                        .writeByte(10)
                        .writeInt(77)
                        .writeInt(echo);
            }
            int tcp = Tcp.HEADER_LENGTH + options.readableBytes();
            ByteBuf ip = ipHeader(tcp + payload.length);
            int transport = ip.readableBytes();
            boolean gso = payload.length > gsoSize;
            ByteBuf m = Unpooled.directBuffer();
            if (gso) {
                int type = ipv6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
                if ((flags & Tcp.CWR) != 0) {
                    type |= VirtioNetHeader.GSO_ECN;
                }
                VirtioNetHeader.writeSegmented(m, type, transport + tcp, gsoSize, transport, Tcp.CHECKSUM);
            } else {
                VirtioNetHeader.writePartialChecksum(m, transport, Tcp.CHECKSUM);
            }
            m.writeBytes(ip);
            ip.release();
            long pseudo = ipv6
                    ? Checksum.pseudoHeaderOfIpv6(m, VirtioNetHeader.LENGTH, IpProtocol.TCP, tcp + payload.length)
                    : Checksum.pseudoHeaderOfIpv4(m, VirtioNetHeader.LENGTH, IpProtocol.TCP, tcp + payload.length);
            m.writeShort(PEER_PORT).writeShort(80).writeInt(next).writeInt((flags & Tcp.ACK) == 0 ? 0 : expected);
            m.writeByte(tcp / 4 << 4).writeByte(flags).writeShort(0xffff).writeShort(Checksum.fold(pseudo));
            m.writeShort(0).writeBytes(options).writeBytes(payload);
            options.release();
            return m;
        }

        /** With options or an extension header now and then. */
        private ByteBuf ipHeader(int transportBytes) {
            ByteBuf b = Unpooled.buffer();
            if (ipv6) {
                boolean extension = random.nextInt(3) == 0;
                b.writeInt(0x6000_0000 | random.nextInt(0x100000)).writeShort(transportBytes + (extension ? 8 : 0));
                b.writeByte(extension ? IpProtocol.DESTINATION_OPTIONS : IpProtocol.TCP)
                        .writeByte(64);
                b.writeLong(0xfd09L << 48)
                        .writeLong(2)
                        .writeLong(0x2001_0db8L << 32)
                        .writeLong(7);
                if (extension) {
                    b.writeByte(IpProtocol.TCP).writeByte(0).writeShort(0x0104).writeInt(0); // PadN
                }
                return b;
            }
            int words = random.nextInt(3) == 0 ? 1 + random.nextInt(10) : 0;
            b.writeByte(0x45 + words).writeByte(0).writeShort(20 + 4 * words + transportBytes);
            b.writeShort(identification)
                    .writeShort(Ipv4.DONT_FRAGMENT)
                    .writeByte(64)
                    .writeByte(IpProtocol.TCP);
            b.writeShort(0).writeInt(0x0a090002).writeInt(0xc0000207);
            for (int i = 0; i < words; i++) {
                b.writeInt(0x01010101);
            }
            b.setShort(10, Checksum.finish(Checksum.sum(b, 0, b.readableBytes())));
            identification = identification + 50 & 0xffff;
            return b;
        }

        @Override
        public void close() {
            device.finishAndReleaseAll();
        }
    }
}
