package dev.culvert.client.up;

import dev.culvert.stack.ip.Refusal;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.frame.Reason;

/** From why a flow was refused to what the application sees: what it would see on the LAN. */
final class Refusals {
    private Refusals() {}

    /** Whether the end of a flow on the link is one that the application hears of: not one for idleness, or of our own making. */
    static boolean isTold(FlowException end) {
        return end.reason() != Reason.IDLE && end.reason() != Reason.CANCELLED;
    }

    static Refusal of(Throwable cause) {
        return of(cause instanceof FlowException e ? e.reason() : Reason.UNSPECIFIED);
    }

    static Refusal of(Reason reason) {
        return switch (reason) {
            case CONNECTION_REFUSED, RESET, UNKNOWN, MOVED -> Refusal.CONNECTION_REFUSED;
            // Silence: the application's kernel asks again, and what is short of room or of a link may be back by then.
            case TIMED_OUT, OVERLOADED, LINK_LOST, SHUTTING_DOWN, CANCELLED -> Refusal.TIMED_OUT;
            case NETWORK_UNREACHABLE, NO_AGENT -> Refusal.NETWORK_UNREACHABLE;
            case PROHIBITED, UNSUPPORTED -> Refusal.PROHIBITED;
            case HOST_UNREACHABLE, NAME_NOT_FOUND, UNSPECIFIED, PROTOCOL_ERROR, IDLE -> Refusal.HOST_UNREACHABLE;
        };
    }
}
