package dev.culvert.gateway.presence;

import java.time.Instant;

/**
 * What there is to say of a link.
 *
 * @param number unique in this process; the audit log has it too
 * @param from address and port of its peer
 * @param since when it came
 * @param version of the protocol
 * @param rttMicros least round trip; 0 when none was measured yet
 * @param received payload bytes of its flows from the peer
 * @param sent payload bytes of its flows for the peer, what still waits included
 */
public record LinkFacts(
        long number, String from, Instant since, int version, long rttMicros, long received, long sent) {}
