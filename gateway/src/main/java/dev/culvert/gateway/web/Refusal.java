package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpResponseStatus;

/** Why a request is not passed on, for whoever sent it. Has no stack trace: strangers choose how often it is made. */
final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient HttpResponseStatus status;

    Refusal(HttpResponseStatus status, String message) {
        super(message, null, false, false);
        this.status = status;
    }

    HttpResponseStatus status() {
        return status;
    }

    String text() {
        String text = getMessage();
        return text == null ? status.reasonPhrase() : text;
    }
}
