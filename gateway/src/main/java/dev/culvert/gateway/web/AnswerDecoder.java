package dev.culvert.gateway.web;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseDecoder;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.List;

/**
 * Decodes one answer for each request. Nothing of what comes behind it is kept, be it a whole answer or a part of one: it would be
 * taken for the beginning of the next.
 */
final class AnswerDecoder extends HttpResponseDecoder {
    private final Runnable onSurplus;
    private boolean expecting;
    private boolean toHead;
    private boolean informational;

    /** @param onSurplus told of bytes that belong to no answer, and if they come with the end of one, before that is passed on */
    AnswerDecoder(HttpDecoderConfig config, Runnable onSurplus) {
        super(config);
        this.onSurplus = onSurplus;
    }

    /** A request is sent. */
    void expect(boolean head) {
        expecting = true;
        toHead = head;
    }

    @Override
    protected void decode(ChannelHandlerContext ctx, ByteBuf in, List<Object> out) throws Exception {
        int before = out.size();
        if (expecting) {
            super.decode(ctx, in, out);
        }
        for (int i = before; i < out.size(); i++) {
            Object o = out.get(i);
            if (o instanceof HttpResponse head) {
                informational = isInformational(head);
            }
            if (o instanceof LastHttpContent && !informational) {
                expecting = false;
            }
        }
        if (!expecting && in.isReadable()) {
            in.skipBytes(in.readableBytes());
            onSurplus.run();
        }
    }

    @Override
    protected boolean isContentAlwaysEmpty(HttpMessage message) {
        return toHead && message instanceof HttpResponse head && !isInformational(head)
                || super.isContentAlwaysEmpty(message);
    }

    private static boolean isInformational(HttpResponse head) {
        return head.status().codeClass() == HttpStatusClass.INFORMATIONAL;
    }
}
