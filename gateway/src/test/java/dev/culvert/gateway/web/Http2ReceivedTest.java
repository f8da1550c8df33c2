package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2UnknownFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Flags;
import io.netty.handler.codec.http2.Http2FrameStream;
import io.netty.handler.codec.http2.Http2Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

final class Http2ReceivedTest {
    private record Stream(int id) implements Http2FrameStream {
        @Override
        public Http2Stream.State state() {
            return Http2Stream.State.OPEN;
        }
    }

    private boolean ended;
    private final Http2Received received = new Http2Received(true, () -> ended = true);
    private final EmbeddedChannel channel = new EmbeddedChannel(received);

    @AfterEach
    void end() {
        channel.finishAndReleaseAll();
    }

    private static Http2DataFrame piece(Http2FrameStream stream) {
        return new DefaultHttp2DataFrame(Unpooled.buffer(1).writeZero(1)).stream(stream);
    }

    /** They would wait in a stream that reads nothing, and have no window. */
    @Test
    void framesOfUnknownTypesAreDropped() {
        ByteBuf payload = Unpooled.buffer(16).writeZero(16);
        channel.writeInbound(
                new DefaultHttp2UnknownFrame((byte) 0x42, new Http2Flags(), payload).stream(new Stream(1)));
        assertThat(channel.inboundMessages()).isEmpty();
        assertThat(payload.refCnt()).isZero();
    }

    @Test
    void piecesThatNobodyReadsHaveANumber() {
        Stream one = new Stream(1);
        Stream other = new Stream(3);
        for (int i = 0; i < Http2Received.MAX_WAITING; i++) {
            channel.writeInbound(piece(i % 2 == 0 ? one : other));
        }
        assertThat(ended).isFalse();
        channel.releaseInbound();
        for (int i = 0; i < 2; i++) {
            Http2DataFrame more = piece(one);
            channel.writeInbound(more);
            assertThat(more.refCnt()).isZero();
            assertThat(ended).isTrue();
            assertThat(channel.inboundMessages()).isEmpty();
        }
    }

    @Test
    void whatIsReadOrOfAStreamThatHasEndedIsNotWaiting() {
        Stream one = new Stream(1);
        for (int i = 0; i < 3 * Http2Received.MAX_WAITING; i++) {
            channel.writeInbound(piece(one));
            Http2DataFrame read = channel.readInbound();
            received.read(read);
            read.release();
        }
        for (int i = 0; i < 3; i++) {
            Stream next = new Stream(5 + 2 * i);
            for (int k = 0; k < Http2Received.MAX_WAITING; k++) {
                channel.writeInbound(piece(next));
            }
            received.ended(next);
        }
        assertThat(ended).isFalse();
    }
}
