package dev.culvert.gateway.presence;

import dev.culvert.token.Token;
import dev.culvert.tunnel.frame.Drain;
import io.netty.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/** A link as all see it who have to do with every link. From any thread, but for what says otherwise. */
public interface PresentLink {
    /** Client or agent. */
    String kind();

    /** Whose it is. */
    String name();

    /** What it was let in with; null of an end in the gateway itself. */
    @Nullable
    Token token();

    /** Thumbprint of the key that its holder has proved; null without one. */
    @Nullable
    String key();

    /** Hands over a token in the place of the link's own; to a peer of version 1 nothing is said. */
    void renewed(String jwt);

    /** Which token that was handed over its holder has now, as it says last; null when it has said nothing. */
    @Nullable
    String hasRenewed();

    /** Flows on it. */
    int flowCount();

    /** What there is to say of it. */
    LinkFacts facts();

    /** Has something done on its event loop: now, when that is the caller's. */
    void run(Runnable task);

    /** Whether it is there; on its event loop. */
    boolean isUp();

    /** What it keeps, about, in bytes; on its event loop. */
    long memory();

    /** Of these, those that end with it: no peer of version 1 has flows that go on over another link. */
    int mortalFlowCount();

    /** Says DRAIN: its peer shall open no new flows. */
    void drain(Drain drain);

    /** Whether its peer has said that it goes on by another gateway when this one is about to stop. */
    boolean moves();

    /** Has no more read of it. Done when all that was read is on its way to others. */
    Future<?> stopReading();

    /** Done when what waits for its peer has been written, or it is down. */
    Future<?> flush();

    /**
     * Ends it.
     *
     * @param code RFC 6455 7.4.1
     * @param why one line for people
     */
    void close(int code, String why);

    /** Done when its connection is closed. */
    Future<?> closeFuture();
}
