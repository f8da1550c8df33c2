package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.frame.DatagramCodec;
import dev.culvert.tunnel.frame.DatagramError;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HopLimitedDatagram;
import dev.culvert.tunnel.frame.PortedDatagram;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import java.net.InetAddress;
import java.util.ArrayDeque;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the flags of a DATAGRAM say, docs/protocol.md section 7. */
@NullUnmarked
final class DatagramCodecTest {
    private final LinkPair pair = new LinkPair();

    @AfterEach
    void close() {
        pair.close();
    }

    @Test
    void whatIsWrittenIsReadAcrossALink() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        LinkFlow opener = pair.client.mux.open(LinkPair.request(LinkPair.udp()), new FlowRecorder());
        pair.pump();
        ArrayDeque<Object> messages = new ArrayDeque<>();
        pair.server.incoming.remove().accept(new ChannelInboundHandlerAdapter() {
            @Override
            public void channelRead(ChannelHandlerContext ctx, Object msg) {
                messages.add(msg);
            }
        });
        pair.pump();
        for (int i = 0; i < 500; i++) {
            byte[] content = new byte[random.nextInt(100)];
            random.nextBytes(content);
            ByteBufHolder sent = message(random, Unpooled.wrappedBuffer(content));
            opener.writeAndFlush(sent.copy());
            pair.pump();
            Object read = messages.remove();
            assertThat(read).as("seed=" + seed + " run=" + i).isEqualTo(sent);
            ReferenceCountUtil.release(read);
            sent.release();
        }
    }

    private static ByteBufHolder message(Random random, ByteBuf content) throws Exception {
        int port = random.nextBoolean() ? 0 : 1 + random.nextInt(65_535);
        switch (random.nextInt(3)) {
            case 0 -> {
                return new HopLimitedDatagram(1 + random.nextInt(255), port, content);
            }
            case 1 -> {
                return new PortedDatagram(port, content);
            }
            default -> {
                byte[] offender = new byte[random.nextBoolean() ? 4 : 16];
                random.nextBytes(offender);
                return new DatagramError(
                        port,
                        random.nextInt(256),
                        random.nextInt(256),
                        random.nextInt() & 0xffff_ffffL,
                        random.nextInt(4) == 0 ? null : InetAddress.getByAddress(offender),
                        content);
            }
        }
    }

    /** type, code, mtu, a length, and fewer bytes than it says, or a length that no address has. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5, 15, 16, 17, 255})
    void anErrorWhoseOffenderIsNoAddressIsNone(int length) {
        ByteBuf payload = Unpooled.buffer()
                .writeShort(0x0b00)
                .writeInt(0)
                .writeByte(length)
                .writeZero(15);
        assertThat(DatagramCodec.decode(Frame.FLAG_ERROR, payload)).isNull();
        assertThat(payload.refCnt()).as("stays the caller's").isEqualTo(1);
        payload.release();
    }

    @Test
    void aMessageThatDoesNotFitAFrameIsRefused() {
        int room = Frame.MAX_PAYLOAD - 1;
        HopLimitedDatagram fits = new HopLimitedDatagram(1, Unpooled.wrappedBuffer(new byte[room]));
        assertThat(DatagramCodec.accepts(fits)).isTrue();
        ByteBuf encoded = DatagramCodec.encode(UnpooledByteBufAllocator.DEFAULT, fits);
        assertThat(encoded.readableBytes()).isEqualTo(Frame.MAX_PAYLOAD);
        encoded.release();
        assertThat(DatagramCodec.accepts(new HopLimitedDatagram(1, Unpooled.wrappedBuffer(new byte[room + 1]))))
                .isFalse();
        assertThat(DatagramCodec.accepts(Unpooled.wrappedBuffer(new byte[Frame.MAX_PAYLOAD + 1])))
                .isFalse();
        assertThat(DatagramCodec.accepts("no datagram")).isFalse();
    }
}
