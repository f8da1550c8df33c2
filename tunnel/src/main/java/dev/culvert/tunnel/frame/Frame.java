package dev.culvert.tunnel.frame;

/**
 * Layout and constants of a frame: the content of one WebSocket binary message.
 *
 * <pre>
 *  0        1        2                 4                                   8
 *  +--------+--------+-----------------+-----------------------------------+----------
 *  |  type  | flags  |    reserved     |              flow id              | payload...
 *  +--------+--------+-----------------+-----------------------------------+----------
 * </pre>
 *
 * All integers are big-endian. {@code reserved} is sent as 0 and ignored on receipt. Flow id 0 means the link itself. The authority is {@code docs/protocol.md}.
 */
public final class Frame {
    public static final int HEADER_LENGTH = 8;

    /** Begin a flow; payload is an {@link OpenRequest}. */
    public static final int OPEN = 1;
    /** The flow's destination answered; payload: u32 initial credit for the opener, u32 path RTT in µs. */
    public static final int OPENED = 2;
    /** The flow could not be opened; payload: u8 {@link Reason}, then UTF-8 text for people. */
    public static final int REFUSED = 3;
    /** Bytes of a stream flow. */
    public static final int DATA = 4;
    /** No more DATA will follow in this direction (half-close). */
    public static final int FIN = 5;
    /** The flow ended at once in both directions; payload: u8 {@link Reason}. */
    public static final int RESET = 6;
    /**
     * The receiver of a stream grants u32 further bytes; with flags it also says something of its far side. Of a resumable flow
     * u64 follows: up to which offset the receiver has received.
     */
    public static final int CREDIT = 7;
    /** One datagram of a datagram flow; never queued behind credit, dropped when there is no room. */
    public static final int DATAGRAM = 8;
    /** Payload: 8 opaque bytes, returned in a PONG. */
    public static final int PING = 9;

    public static final int PONG = 10;
    /** What an agent serves, or what a client may reach; payload: JSON, see {@link Announcement}. */
    public static final int ANNOUNCE = 11;
    /** The sender is about to go: open no new flows here; payload: a {@link Drain}. */
    public static final int DRAIN = 12;
    /** A client says which session the flows are of that it opens on this link; payload: 16 secret bytes. */
    public static final int SESSION = 13;
    /** This path of a flow has ended, and the flow has not: it may be resumed over another; payload: u8 {@link Reason}. */
    public static final int PATH_LOST = 14;
    /** An agent asks whether a flow that it holds without a path may still be; payload: a {@link HeldFlow}. */
    public static final int HELD = 15;
    /** It may not: it has ended; payload: 16 bytes of session, u64 number, u8 {@link Reason}. */
    public static final int OVER = 16;
    /**
     * Sessions that have ended, and their flows with them; payload: 16 bytes each, of a client's their {@linkplain SessionId#digest
     * digests}, to an agent what it knows them by.
     */
    public static final int SESSION_ENDED = 17;
    /**
     * A gateway hands over a token that takes the place of the link's own; payload: its text. Its holder answers by the same, with the id
     * of the token that it has now.
     */
    public static final int RENEWED = 18;

    /** Flag of OPEN and OPENED: the sender knows {@link #FLAG_PROBE} and {@link #FLAG_ALIVE}, and acts by them. */
    public static final int FLAG_PROBES = 0x01;
    /** Flag of CREDIT, opener to answerer: the application asks whether the destination is still there (TCP keep-alive). */
    public static final int FLAG_PROBE = 0x01;
    /** Flag of CREDIT, answerer to opener: the destination has been heard of since it was asked about. */
    public static final int FLAG_ALIVE = 0x02;
    /** Flag of CREDIT: the offset up to which was received counts the sender's FIN too. */
    public static final int FLAG_ENDED = 0x04;
    /** Flag of DATA: the sender wants to hear soon what was received, for it keeps as much as it may. */
    public static final int FLAG_ASK = 0x02;
    /** Flag of DATA: the sender has no credit left behind this frame and has more to send. */
    public static final int FLAG_BLOCKED = 0x01;
    /** Flag of DATAGRAM: the payload begins with the u16 remote port, which differs from the flow's destination. */
    public static final int FLAG_PORT = 0x01;
    /** Flag of DATAGRAM: next comes u8, the hop limit that the datagram shall be sent with. */
    public static final int FLAG_HOP_LIMIT = 0x02;
    /** Flag of DATAGRAM: this is no datagram but an ICMP error about one, see {@link DatagramError}. */
    public static final int FLAG_ERROR = 0x04;

    /** Flow ids opened by the WebSocket server have this bit set, those opened by the WebSocket client have not. */
    public static final int SERVER_OPENED = 0x8000_0000;

    /** Most bytes in one TLS record, RFC 8446 5.1. */
    public static final int RECORD = 16_384;

    /**
     * Most payload bytes in a DATA frame: with the longest WebSocket header that we write for it (2 + 2 + 4 bytes) and
     * the frame header it fills one TLS record of 16,384 bytes, so that the peer decodes it without a copy.
     */
    public static final int MAX_DATA = RECORD - 8 - HEADER_LENGTH;

    /** Most bytes in any frame's payload: a 65,507-byte datagram and its port, rounded up. Guards the decoder's memory. */
    public static final int MAX_PAYLOAD = 65_536;

    private Frame() {}

    /** Bytes that the payload of a DATAGRAM with these flags has at least, before the datagram. */
    public static int datagramPrefix(int flags) {
        return ((flags & FLAG_PORT) != 0 ? 2 : 0)
                + ((flags & FLAG_HOP_LIMIT) != 0 ? 1 : 0)
                + ((flags & FLAG_ERROR) != 0 ? DatagramError.MIN_LENGTH : 0);
    }
}
