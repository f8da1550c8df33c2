package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;

/** For how long an exchange waits for what is next, whose turn it ever is. On its event loop. */
final class Patience {
    /** Longer than an agent's own dial takes to fail. */
    static final long CONNECT_SECONDS = 30;

    /** Without a byte of a request's body while it is read: the browser has gone, or holds the target up. */
    static final long BODY_SECONDS = 60;

    /** Within an answer that has begun: streams of events with nothing to tell are silent for minutes. */
    static final long ANSWER_IDLE_SECONDS = 600;

    /** While the browser does not read: players of videos stop for minutes. */
    static final long WRITE_SECONDS = 300;

    /** After an upgrade: WebSockets without pings are silent for as long as nothing happens. */
    static final long TUNNEL_SECONDS = 3_600;

    /** The same once the browser has said all: a WebSocket's target has its own closing message to say, and then closes. */
    static final long LAST_WORD_SECONDS = 30;

    private final Deadline deadline;

    /** @param expired told when what is waited for has not come */
    Patience(EventLoop loop, Runnable expired) {
        deadline = new Deadline(loop, expired);
    }

    /** For whoever says whether it is let in, or a connection to a target. */
    void connecting() {
        deadline.set(CONNECT_SECONDS);
    }

    /** For more of the request. */
    void body() {
        deadline.set(BODY_SECONDS);
    }

    /**
     * For an answer to begin.
     *
     * @param isGrpc calls may be streams both ways, on which nothing is said for long; for their ends clients have deadlines
     * @param browserReads whether the browser takes what there is for it
     */
    void answer(SiteOptions options, boolean isGrpc, boolean browserReads) {
        deadline.set(!browserReads ? WRITE_SECONDS : isGrpc ? ANSWER_IDLE_SECONDS : options.answerSeconds());
    }

    /** For more of an answer. */
    void moreOfAnswer(boolean browserReads) {
        deadline.set(browserReads ? ANSWER_IDLE_SECONDS : WRITE_SECONDS);
    }

    /**
     * For bytes of another protocol.
     *
     * @param lastWord whether only the target has more to say
     */
    void bytes(boolean lastWord) {
        deadline.set(lastWord ? LAST_WORD_SECONDS : TUNNEL_SECONDS);
    }

    /** For nothing more. */
    void end() {
        deadline.end();
    }
}
