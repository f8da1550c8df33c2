package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandler;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A flow that the other side asked for and that is not answered yet: no channel, just this record. Event loop only;
 * {@link #accept} and {@link #refuse} may be called once, and do nothing when the flow was abandoned meanwhile.
 */
public final class IncomingFlow {
    /** Longest explanation sent with a refusal, in bytes. */
    private static final int MAX_TEXT = 200;

    private final FlowMultiplexer mux;
    private final int id;
    private final int flags;
    private OpenRequest request;
    private @Nullable Runnable abandoned;
    private boolean answered;

    IncomingFlow(FlowMultiplexer mux, int id, int flags, OpenRequest request) {
        this.mux = mux;
        this.id = id;
        this.flags = flags;
        this.request = request;
    }

    int linkId() {
        return id;
    }

    /** What it is called in logs, the gateway's as well; null for one of a client or gateway of an earlier version. */
    public @Nullable String id() {
        FlowPath path = request.path();
        return path == null ? null : path.id();
    }

    public OpenRequest request() {
        return request;
    }

    /** Whose flows it is one of: equal for those of one session, or, if they end with their link, of one client on one link. */
    public Object origin() {
        FlowPath path = request.path();
        SessionId session = path == null ? null : path.session();
        return session != null && mux.session() != null
                ? session
                : new Origin(mux, Objects.requireNonNullElse(request.client(), ""));
    }

    /** The number of a client's link is its gateway's own, so the link belongs to it. */
    private record Origin(FlowMultiplexer link, String client) {}

    /**
     * What a name must be resolved to, once: it is not kept, for it may be long, and flows may wait or live for long.
     *
     * @return null when there is none, or it has been taken
     */
    public OpenRequest.@Nullable Restriction takeRestriction() {
        OpenRequest.Restriction restriction = request.restriction();
        request = request.unrestricted();
        return restriction;
    }

    /** Whether the opener will ask whether the destination is still there, if it can be answered. */
    public boolean probes() {
        return (flags & Frame.FLAG_PROBES) != 0;
    }

    public FlowMultiplexer link() {
        return mux;
    }

    /** False once answered or abandoned. */
    public boolean isPending() {
        return !answered;
    }

    /** {@code action} runs when the opener no longer wants the flow (or the link breaks) before it was answered. */
    public void onAbandoned(Runnable action) {
        abandoned = action;
    }

    /**
     * Opens the flow: OPENED goes to the opener and the returned channel becomes active.
     *
     * @return the flow's channel, with {@code handler} in its pipeline; null when the flow was abandoned or the link is down
     */
    public @Nullable LinkFlow accept(ChannelHandler handler) {
        return accept(handler, false);
    }

    /**
     * As {@link #accept(ChannelHandler)}.
     *
     * @param probes whether a {@linkplain LinkFlow#onProbe probe} will be answered
     */
    public @Nullable LinkFlow accept(ChannelHandler handler, boolean probes) {
        if (answered || !mux.isUp()) {
            return null;
        }
        answered = true;
        return mux.accepted(this, handler, probes && probes());
    }

    /** @param text for people, may be empty */
    public void refuse(Reason reason, String text) {
        if (answered) {
            return;
        }
        answered = true;
        byte[] b = text.getBytes(StandardCharsets.UTF_8);
        mux.refused(
                this,
                Unpooled.buffer(1 + MAX_TEXT).writeByte(reason.code()).writeBytes(b, 0, Math.min(b.length, MAX_TEXT)));
    }

    /** It is of no use any more, or another path has been asked for. */
    void giveUp(Reason reason) {
        refuse(reason, "");
        Runnable action = abandoned;
        if (action != null) {
            action.run();
        }
    }

    void abandon() {
        if (!answered) {
            answered = true;
            mux.abandoned(this);
            if (abandoned != null) {
                abandoned.run();
            }
        }
    }
}
