package dev.culvert.stack.tcp;

/**
 * How much one flow may have in flight besides what the peer's window allows (RFC 5681). Called on the event loop; one
 * instance per flow unless it keeps no state.
 */
public interface CongestionControl {
    /** The congestion window in bytes; never less than one segment. */
    int window();

    /** The connection is established. @param mss the payload bytes of a full segment */
    void start(int mss);

    /** {@code bytes} were newly acknowledged outside recovery; {@code inFlight} is what was outstanding before. */
    void acked(int bytes, int inFlight);

    /** Loss was found by duplicate or selective acknowledgements with {@code inFlight} bytes outstanding. */
    void enterRecovery(int inFlight);

    /** A duplicate acknowledgement came during recovery, so a segment has left the network. */
    void duplicateAck();

    /** A partial acknowledgement of {@code bytes} came during recovery (RFC 6582 section 3.2 step 3). */
    void partialAck(int bytes);

    /** The whole flight of the loss is acknowledged; {@code inFlight} is what is still outstanding. */
    void exitRecovery(int inFlight);

    /** The retransmission timer fired with {@code inFlight} bytes outstanding. */
    void timeout(int inFlight);
}
