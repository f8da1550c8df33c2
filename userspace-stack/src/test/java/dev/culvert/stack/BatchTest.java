package dev.culvert.stack;

import static dev.culvert.stack.fixture.Packets.CLIENT4;
import static dev.culvert.stack.fixture.Packets.HOST4;
import static dev.culvert.stack.fixture.Packets.bytes;
import static dev.culvert.stack.fixture.Packets.udp;
import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.stack.ip.Refusal;
import dev.culvert.stack.tcp.TcpRequest;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.DatagramPacket;
import org.junit.jupiter.api.Test;

class BatchTest {
    /** Answers every datagram from whom it was sent to, and flushes each time, as careless handlers do. */
    private static final class Echoing extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            DatagramPacket datagram = (DatagramPacket) message;
            context.writeAndFlush(new DatagramPacket(datagram.content(), datagram.sender(), datagram.recipient()));
        }
    }

    private static final class FlushCounter extends ChannelOutboundHandlerAdapter {
        int flushes;

        @Override
        public void flush(ChannelHandlerContext context) {
            flushes++;
            context.flush();
        }
    }

    private static EmbeddedChannel echoing(FlushCounter counter) {
        IpStack stack = new IpStack(StackConfig.builder().build(), new StackListener() {
            @Override
            public void onTcp(TcpRequest request) {
                request.refuse(Refusal.TIMED_OUT);
            }

            @Override
            public void onUdp(UdpFlow flow) {
                flow.pipeline().addLast(new Echoing());
            }

            @Override
            public void onEcho(EchoFlow flow) {
                flow.close();
            }
        });
        return new EmbeddedChannel(counter, stack);
    }

    private static ByteBuf packet(int port) {
        return StackFixture.device(0, 0, 0, udp(CLIENT4, HOST4, port, 5000, bytes(100)));
    }

    @Test
    void answersToABatchLeaveWithOneFlush() {
        FlushCounter counter = new FlushCounter();
        EmbeddedChannel channel = echoing(counter);
        channel.pipeline().fireChannelRead(packet(1));
        channel.pipeline().fireChannelRead(packet(2));
        channel.pipeline().fireChannelRead(packet(1));
        assertThat(counter.flushes).isZero();
        channel.pipeline().fireChannelReadComplete();
        assertThat(counter.flushes).isEqualTo(1);
        channel.runPendingTasks();
        assertThat(counter.flushes).isEqualTo(1);
        assertThat(channel.outboundMessages()).hasSize(3);
        channel.finishAndReleaseAll();
    }

    @Test
    void aBatchLargerThanTheDeviceTakesAtOnceLosesNothing() {
        FlushCounter counter = new FlushCounter();
        EmbeddedChannel channel = echoing(counter);
        // Far beyond the packet channel's high-water mark of 64 KiB.
        for (int i = 0; i < 5000; i++) {
            channel.pipeline().fireChannelRead(packet(1 + i % 3));
        }
        channel.pipeline().fireChannelReadComplete();
        channel.runPendingTasks();
        assertThat(channel.outboundMessages()).hasSize(5000);
        assertThat(counter.flushes).isLessThan(100);
        channel.finishAndReleaseAll();
    }
}
