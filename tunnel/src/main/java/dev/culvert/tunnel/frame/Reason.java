package dev.culvert.tunnel.frame;

/** Why a flow was refused or reset. The code goes on the wire; a code that is not known reads as {@link #UNSPECIFIED}. */
public enum Reason {
    UNSPECIFIED(0, "for no stated reason"),
    /** The destination answered with a refusal (TCP RST, ICMP port unreachable). */
    CONNECTION_REFUSED(1, "connection refused"),
    /** Nothing answered within the dial's deadline. */
    TIMED_OUT(2, "timed out"),
    HOST_UNREACHABLE(3, "host unreachable"),
    NETWORK_UNREACHABLE(4, "network unreachable"),
    /** Policy denies it: no grant of the client's token, or the agent does not serve the address. */
    PROHIBITED(5, "not permitted"),
    /** The agent could not resolve the destination's name. */
    NAME_NOT_FOUND(6, "name not found"),
    /** No instance of the agent is connected. */
    NO_AGENT(7, "agent not connected"),
    /** A cap was reached (dials, flows, descriptors). */
    OVERLOADED(8, "too many flows"),
    /** The agent cannot do this kind of flow (for example ping without permission). */
    UNSUPPORTED(9, "not supported"),
    /** The other end of the flow was reset. */
    RESET(10, "connection reset"),
    /** A link that carried the flow broke. */
    LINK_LOST(11, "link lost"),
    /** The peer broke the protocol. */
    PROTOCOL_ERROR(12, "protocol error"),
    /** The opener no longer wants the flow. */
    CANCELLED(13, "cancelled"),
    /** Idle for longer than the limit. */
    IDLE(14, "idle too long"),
    /** The flow's holder is shutting down. */
    SHUTTING_DOWN(15, "shutting down"),
    /** A flow was to be resumed, and the end that would have it knows nothing of it (any more). */
    UNKNOWN(16, "no longer known"),
    /** A path of a flow is of no use: it goes over a later one. */
    MOVED(17, "moved to another path");

    private static final Reason[] BY_CODE = values();

    private final int code;
    private final String words;

    Reason(int code, String words) {
        this.code = code;
        this.words = words;
    }

    public int code() {
        return code;
    }

    /** For messages to people, as in "refused: connection refused". */
    public String words() {
        return words;
    }

    public static Reason of(int code) {
        return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : UNSPECIFIED;
    }
}
