package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpResponseStatus;

/** Why a request is not passed on, for whoever sent it. Has no stack trace: strangers choose how often it is made. */
public final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;
    private final transient HttpResponseStatus status;
    private final String field;
    private final String value;

    /** @param message a sentence for people; of what the browser said, only what is printable */
    public Refusal(HttpResponseStatus status, String message) {
        this(status, message, "", "");
    }

    /**
     * With one more field in the answer's head.
     *
     * @param field its name; empty for none
     */
    public Refusal(HttpResponseStatus status, String message, CharSequence field, String value) {
        super(message, null, false, false);
        this.status = status;
        this.field = field.toString();
        this.value = value;
    }

    /** What it is answered with. */
    public HttpResponseStatus status() {
        return status;
    }

    String text() {
        String text = getMessage();
        return text == null ? status.reasonPhrase() : text;
    }

    /** The name of one more field of the answer; empty for none. */
    String field() {
        return field;
    }

    String value() {
        return value;
    }
}
