package dev.culvert.gateway.web;

import io.netty.channel.ChannelPipeline;

/** Where connections of browsers come in. */
public final class HttpFront {
    private HttpFront() {}

    /**
     * Serves HTTP on a channel. Call on its event loop, with nothing read: what has been is to be passed on along the
     * pipeline behind this call. The channel is closed when it has been idle for long.
     *
     * @param pipeline of a channel that TLS, if any, is at the head of
     * @param protocol what TLS has agreed on: {@code h2}, or anything else for HTTP/1.1
     */
    public static void install(ChannelPipeline pipeline, Sites sites, Browser browser, String protocol) {
        if (protocol.equals("h2")) {
            Http2Connection.install(pipeline, sites, browser);
            return;
        }
        Http1Front front = new Http1Front(sites, browser);
        pipeline.addLast(front.decoder(), front.encoder(), front);
    }
}
