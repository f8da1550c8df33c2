package dev.culvert.tunnel.flow;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.outgoing.FrameWriter;
import dev.culvert.tunnel.outgoing.Outlet;
import java.net.SocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * Over which link a flow goes, or last went, under which id, and what of that link it was given to go out. Says nothing of what goes
 * over it. Event loop only.
 */
final class PresentPath {
    private enum State {
        /** Nothing goes anywhere. */
        NONE,
        /** It has been asked for, and not been answered. */
        ASKED,
        /** Frames go over it. */
        OPEN
    }

    private final Outlet.Listener ready;
    private State state = State.ASKED;
    private FlowMultiplexer mux;
    private int flowId;
    private Outlet outlet;
    private long otherRttMicros;
    private long grantedWhileAsked;
    private long attachedNanos;

    /**
     * One that has been asked for.
     *
     * @param ready hears when the link takes more
     */
    PresentPath(FlowMultiplexer mux, int flowId, Outlet.Listener ready) {
        this.ready = ready;
        this.mux = mux;
        this.flowId = flowId;
        this.outlet = mux.link().writer().outlet(flowId, ready);
    }

    boolean isNone() {
        return state == State.NONE;
    }

    boolean isAsked() {
        return state == State.ASKED;
    }

    boolean isOpen() {
        return state == State.OPEN;
    }

    int flowId() {
        return flowId;
    }

    Outlet outlet() {
        return outlet;
    }

    FrameWriter writer() {
        return mux.link().writer();
    }

    FlowMultiplexer multiplexer() {
        return mux;
    }

    @Nullable
    SocketAddress remoteAddress() {
        return mux.link().remoteAddress();
    }

    /** Least round trip to the flow's other end. */
    long rttNanos() {
        return mux.pathRttNanos(otherRttMicros);
    }

    /** Since when this path, or the last that was there, is. */
    long attachedNanos() {
        return attachedNanos;
    }

    /** Another one is asked for. */
    void ask(FlowMultiplexer over, int id) {
        grantedWhileAsked = 0;
        take(over, id);
        state = State.ASKED;
    }

    /** It is another one from now on; see {@link #opened}, {@link #none}. */
    void take(FlowMultiplexer over, int id) {
        mux = over;
        flowId = id;
        outlet = over.link().writer().outlet(id, ready);
    }

    /** @param otherRttMicros between the gateway and the other end */
    void opened(long otherRttMicros) {
        this.otherRttMicros = otherRttMicros;
        state = State.OPEN;
    }

    /** Both ends know where the flow goes on. */
    void attached() {
        attachedNanos = mux.link().eventLoop().ticker().nanoTime();
    }

    /** There is none; what waits in the outlet is for who closes it. */
    void none() {
        state = State.NONE;
    }

    /** It is lost, with what waits to go out. */
    void lost() {
        outlet.close();
        state = State.NONE;
    }

    /** The flow goes on over another one: frames of it that still come are not for us any more. */
    void leave(LinkFlow flow) {
        mux.forget(flow);
        outlet.close();
        if (mux.isUp()) {
            control(Frame.PATH_LOST, Reason.MOVED);
        }
    }

    /** The link knows the flow no more. */
    void forget(LinkFlow flow) {
        mux.forget(flow);
    }

    /** Grants the peer more, or keeps it for {@link #grantKept} while nobody has answered; else the next path is asked for with it. */
    void grant(long bytes) {
        if (state == State.OPEN) {
            outlet.grant(bytes);
        } else if (state == State.ASKED) {
            grantedWhileAsked += bytes;
        }
    }

    /** Grants what came together until it was answered. */
    void grantKept() {
        outlet.grant(grantedWhileAsked);
        grantedWhileAsked = 0;
    }

    /** Says RESET, if there is anybody to hear it. */
    void reset(Reason reason) {
        if (state != State.NONE && mux.isUp()) {
            control(Frame.RESET, reason);
        }
    }

    /** Says RESET to who has just spoken to us over it. */
    void answerReset(Reason reason) {
        control(Frame.RESET, reason);
    }

    private void control(int type, Reason reason) {
        writer().control(type, flowId, reason);
    }
}
