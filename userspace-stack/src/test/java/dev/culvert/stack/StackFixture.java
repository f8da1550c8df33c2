package dev.culvert.stack;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.IpCounter;
import dev.culvert.stack.tcp.TcpRequest;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pcap4j.packet.IllegalRawDataException;
import org.pcap4j.packet.IpV4Packet;
import org.pcap4j.packet.IpV6Packet;
import org.pcap4j.packet.Packet;

/** A stack in an embedded channel with frozen time, a listener that records, and a device that completes checksums. */
final class StackFixture implements AutoCloseable {
    final EmbeddedChannel channel;
    final IpStack stack;
    final List<UdpFlow> udpFlows = new ArrayList<>();
    final List<EchoFlow> echoFlows = new ArrayList<>();
    final List<TcpRequest> tcpRequests = new ArrayList<>();
    final ArrayDeque<Object> read = new ArrayDeque<>();
    final List<Object> events = new ArrayList<>();
    final List<String> lifecycle = new ArrayList<>();
    boolean autoRead = true;
    boolean refuse;

    @Nullable
    RuntimeException thrownByListener;

    StackFixture() {
        this(StackConfig.builder());
    }

    StackFixture(StackConfig.Builder config) {
        stack = new IpStack(config.secret(1, 2).build(), new StackListener() {
            @Override
            public void onTcp(TcpRequest request) {
                tcpRequests.add(request);
            }

            @Override
            public void onUdp(UdpFlow flow) {
                if (thrownByListener != null) {
                    throw thrownByListener;
                }
                udpFlows.add(flow);
                prepare(flow);
            }

            @Override
            public void onEcho(EchoFlow flow) {
                echoFlows.add(flow);
                prepare(flow);
            }
        });
        channel = new EmbeddedChannel();
        channel.freezeTime();
        channel.pipeline().addLast(stack);
    }

    private void prepare(Channel flow) {
        flow.config().setAutoRead(autoRead);
        if (refuse) {
            flow.close();
        }
        flow.pipeline().addLast(new Recorder());
    }

    private final class Recorder extends ChannelInboundHandlerAdapter {
        @Override
        public void channelActive(ChannelHandlerContext context) {
            lifecycle.add("active");
            context.fireChannelActive();
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            lifecycle.add("inactive");
            context.fireChannelInactive();
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            read.add(message);
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            lifecycle.add("complete");
            context.fireChannelReadComplete();
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object event) {
            events.add(event);
        }
    }

    /** Sends one packet in, as a device that says nothing about checksums. */
    void in(byte[] ip) {
        in(0, 0, 0, ip);
    }

    void in(int flags, int gsoType, int gsoSize, byte[] ip) {
        channel.writeInbound(device(flags, gsoType, gsoSize, ip));
    }

    static ByteBuf device(int flags, int gsoType, int gsoSize, byte[] ip) {
        ByteBuf packet = Unpooled.directBuffer(10 + ip.length);
        packet.writeByte(flags).writeByte(gsoType).writeShort(0);
        if (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
            packet.writeShortLE(gsoSize);
        } else {
            packet.writeShort(gsoSize);
        }
        return packet.writeInt(0).writeBytes(ip);
    }

    /** The next packet out, its checksum completed as a device does it; null if there is none. */
    byte @Nullable [] poll() {
        channel.runPendingTasks();
        ByteBuf packet = channel.readOutbound();
        if (packet == null) {
            return null;
        }
        try {
            byte[] all = new byte[packet.readableBytes()];
            packet.readBytes(all);
            return complete(all);
        } finally {
            packet.release();
        }
    }

    /** The next packet out, which there must be. */
    byte[] out() {
        byte[] packet = poll();
        if (packet == null) {
            throw new AssertionError("expected a packet out, there is none");
        }
        return packet;
    }

    /** Does a device's work: plain 16-bit sums, independent of the code under test. */
    private static byte[] complete(byte[] all) {
        byte[] ip = java.util.Arrays.copyOfRange(all, 10, all.length);
        assertThat(all[1]).as("gso_type").isZero();
        if ((all[0] & 1) != 0) {
            int start = host16(all, 6);
            int field = start + host16(all, 8);
            long sum = 0;
            for (int i = start; i < ip.length; i += 2) {
                sum += (ip[i] & 0xff) << 8 | (i + 1 < ip.length ? ip[i + 1] & 0xff : 0);
            }
            while (sum >>> 16 != 0) {
                sum = (sum >>> 16) + (sum & 0xffff);
            }
            int checksum = (int) ~sum & 0xffff;
            if (checksum == 0) {
                checksum = 0xffff;
            }
            ip[field] = (byte) (checksum >>> 8);
            ip[field + 1] = (byte) checksum;
        }
        return ip;
    }

    private static int host16(byte[] bytes, int at) {
        int high = bytes[at] & 0xff;
        int low = bytes[at + 1] & 0xff;
        return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? low << 8 | high : high << 8 | low;
    }

    /** The next packet out as the oracle reads it. */
    Packet outParsed() {
        byte[] ip = out();
        try {
            return ip[0] >>> 4 == 4 ? IpV4Packet.newPacket(ip, 0, ip.length) : IpV6Packet.newPacket(ip, 0, ip.length);
        } catch (IllegalRawDataException e) {
            throw new AssertionError("the oracle cannot parse what was sent", e);
        }
    }

    void assertSilent() {
        assertThat(poll()).as("a packet out").isNull();
    }

    long count(IpCounter counter) {
        return stack.stats().get(counter);
    }

    void advance(long amount, TimeUnit unit) {
        channel.advanceTimeBy(amount, unit);
        channel.runScheduledPendingTasks();
        channel.runPendingTasks();
    }

    @SuppressWarnings("unchecked")
    <T> T next() {
        T message = (T) read.poll();
        assertThat(message).as("a message read from a flow").isNotNull();
        return message;
    }

    @Override
    public void close() {
        channel.finishAndReleaseAll();
        read.forEach(ReferenceCountUtil::release);
        read.clear();
    }
}
