package dev.culvert.gateway.web;

import io.netty.channel.Channel;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.Http2FrameCodec;
import java.util.Collection;

/** What waits in HTTP/2's streams, above the channel, whose own buffers it is not in. */
public final class WaitingBytes {
    private WaitingBytes() {}

    /**
     * Bytes that streams have been given and that are not written yet, and that have come for streams that have not read them. On the
     * channel's event loop.
     *
     * @param pipeline of a browser's connection, a target's, or any other
     */
    public static long of(ChannelPipeline pipeline) {
        Http2Connection browser = pipeline.get(Http2Connection.class);
        if (browser != null) {
            return browser.waiting();
        }
        Http2TargetConnection target = pipeline.get(Http2TargetConnection.class);
        return target == null ? 0 : target.waiting();
    }

    /** @param streams those that are open */
    static long of(Http2FrameCodec codec, Collection<? extends Channel> streams) {
        long bytes = codec.connection()
                .local()
                .flowController()
                .unconsumedBytes(codec.connection().connectionStream());
        for (Channel stream : streams) {
            bytes += stream.isWritable()
                    ? stream.config().getWriteBufferHighWaterMark() + 1 - stream.bytesBeforeUnwritable()
                    : stream.config().getWriteBufferLowWaterMark() - 1 + stream.bytesBeforeWritable();
        }
        return bytes;
    }
}
