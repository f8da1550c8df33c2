package dev.culvert.client.proxy;

import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;

/** Netty's, with bounds, and with what it is lenient about refused. */
final class HttpCodecs {
    private static final int MAX_LINE = 16 << 10;
    private static final int MAX_HEAD = 64 << 10;
    private static final int MAX_PIECE = 64 << 10;

    private HttpCodecs() {}

    static HttpDecoderConfig bounds() {
        return new HttpDecoderConfig()
                .setMaxInitialLineLength(MAX_LINE)
                .setMaxHeaderSize(MAX_HEAD)
                .setMaxChunkSize(MAX_PIECE);
    }

    /** Of requests to the proxy. */
    static final class RequestDecoder extends HttpRequestDecoder {
        RequestDecoder() {
            super(bounds());
        }

        @Override
        protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
            throw new IllegalArgumentException("the request says its length in two ways");
        }
    }

    /** Knows that an answer to HEAD has no body, whatever its head says. */
    static final class ResponseEncoder extends HttpResponseEncoder {
        private boolean toHead;

        /** Whether the next answer is one to HEAD. */
        void toHead(boolean head) {
            toHead = head;
        }

        @Override
        protected boolean isContentAlwaysEmpty(HttpResponse response) {
            return toHead || super.isContentAlwaysEmpty(response);
        }
    }
}
