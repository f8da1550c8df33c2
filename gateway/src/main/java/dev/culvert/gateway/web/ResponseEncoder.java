package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;

/** Knows that an answer to HEAD has no body, whatever its head says. */
final class ResponseEncoder extends HttpResponseEncoder {
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
