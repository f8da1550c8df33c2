package dev.culvert.gateway.web;

import io.netty.channel.EventLoop;
import java.util.concurrent.TimeUnit;

/** For how long an exchange waits for what is next, whose turn it ever is. On its event loop. */
final class Patience {
    /** Longer than an agent's own dial takes to fail. */
    static final long CONNECT_SECONDS = 30;

    /** While an answer is waited for that another way might bring: between looks whether there is still this one. */
    static final long LOOK_SECONDS = 3;

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

    private final EventLoop loop;
    private final Deadline deadline;
    private long answerNanos; // when the answer is to have begun

    /** @param expired told when what is waited for has not come */
    Patience(EventLoop loop, Runnable expired) {
        this.loop = loop;
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
     * @param looks whether somebody wants to look after the way to the target meanwhile
     */
    void answer(SiteOptions options, boolean isGrpc, boolean browserReads, boolean looks) {
        long seconds = !browserReads ? WRITE_SECONDS : isGrpc ? ANSWER_IDLE_SECONDS : options.answerSeconds();
        answerNanos = loop.ticker().nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        deadline.set(looks ? Math.min(LOOK_SECONDS, seconds) : seconds);
    }

    /** Somebody has looked: the answer is waited for on, if it has any time left. */
    boolean looked() {
        long leftNanos = answerNanos - loop.ticker().nanoTime();
        if (leftNanos <= 0) {
            return false;
        }
        deadline.set(Math.min(LOOK_SECONDS, 1 + TimeUnit.NANOSECONDS.toSeconds(leftNanos - 1)));
        return true;
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
