package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Icmp;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Makes datagrams whole again (RFC 791 section 3.2, RFC 815, RFC 8200 section 4.5). Fragments may come in any order. One that
 * overlaps another condemns its datagram, what has come and what is yet to come (RFC 5722); an exact repetition is merely
 * dropped. A datagram that is not whole 60 s after its first fragment is given up (RFC 8200 section 4.5, RFC 1122 section
 * 3.3.2).
 *
 * <p>What it holds is bounded in bytes, datagrams, and datagrams per source; beyond a bound the oldest goes. Buffers: a
 * fragment is retained until its datagram is whole or given up; {@link #close} releases all.
 */
public final class Reassembler {
    /**
     * Charged for each fragment besides its bytes: what the objects around it take, so that many tiny fragments cannot hold
     * much more memory than the limit.
     */
    static final int FRAGMENT_OVERHEAD = 256;

    private final Limits limits;
    private final IpCounters counters;
    private final IcmpErrors errors;
    private final KeyTable<FragmentedDatagram> table;
    private final KeyTable<SourceLoad> sources;
    private final ExpiryList<FragmentedDatagram> byAge;
    private long heldBytes;

    /**
     * What may be held.
     *
     * @param bytes of all fragments together, overhead included
     * @param datagrams that are incomplete
     * @param datagramsPerSource of these, with the same source address
     * @param timeoutNanos from a datagram's first fragment until it is given up
     */
    public record Limits(long bytes, int datagrams, int datagramsPerSource, long timeoutNanos) {}

    /** How many incomplete datagrams a source has. */
    private static final class SourceLoad {
        private int datagrams;
    }

    /** Holds nothing yet; {@code secret0} and {@code secret1} key its hash tables. */
    public Reassembler(Limits limits, IpCounters counters, IcmpErrors errors, long secret0, long secret1) {
        this.limits = limits;
        this.counters = counters;
        this.errors = errors;
        this.table = new KeyTable<>(secret0, secret1);
        this.sources = new KeyTable<>(secret1, secret0);
        this.byAge = new ExpiryList<>(limits.timeoutNanos());
    }

    /**
     * Takes a fragment into account.
     *
     * @param buffer holds the packet; its ownership stays with the caller
     * @param packet the parsed fragment
     * @return the whole datagram, a packet without device header that the caller releases, if this fragment completed it
     */
    public @Nullable ByteBuf add(ByteBufAllocator alloc, ByteBuf buffer, IpPacket packet, long nowNanos) {
        counters.increment(IpCounter.FRAGMENTS_IN);
        int length = packet.payloadLength();
        int end = packet.fragmentOffset + length;
        if (!checkShape(buffer, packet, length, end)) {
            counters.increment(IpCounter.DROPPED_FRAGMENT_MALFORMED);
            return null;
        }
        long kind = kind(packet);
        FragmentedDatagram datagram =
                table.get(packet.sourceHigh, packet.sourceLow, packet.destinationHigh, packet.destinationLow, kind);
        if (datagram == null) {
            datagram = open(packet, kind, nowNanos);
        }
        int before = datagram.heldBytes();
        IpCounter refused = datagram.add(buffer, packet, end);
        heldBytes += datagram.heldBytes() - before;
        if (refused != null) {
            counters.increment(refused);
            return null;
        }
        if (datagram.isComplete()) {
            ByteBuf whole = datagram.assemble(alloc);
            forget(datagram);
            if (whole != null) {
                counters.increment(IpCounter.REASSEMBLED);
            } else {
                counters.increment(IpCounter.DROPPED_FRAGMENT_MALFORMED);
            }
            return whole;
        }
        while (heldBytes > limits.bytes()) {
            evict(byAge.oldest());
        }
        return null;
    }

    /** Gives up what is too old. */
    public void expire(long nowNanos) {
        ExpiryList.Node<FragmentedDatagram> node;
        while ((node = byAge.expired(nowNanos)) != null) {
            FragmentedDatagram datagram = node.owner();
            counters.increment(IpCounter.REASSEMBLY_TIMED_OUT);
            // Only if the first fragment has come: the error quotes it (RFC 792, RFC 8200 section 4.5).
            ByteBuf first = datagram.firstFragment();
            if (first != null) {
                boolean ipv4 = IpAddresses.isIpv4(datagram.sourceHigh, datagram.sourceLow);
                errors.send(first, ipv4 ? Icmp.V4_TIME_EXCEEDED : Icmp.V6_TIME_EXCEEDED, Icmp.CODE_REASSEMBLY, 0);
            }
            forget(datagram);
        }
    }

    /** Whether nothing is held. */
    public boolean isEmpty() {
        return byAge.oldest() == null;
    }

    /**
     * When {@link #expire} has something to do next, on the clock that {@link #add} was given.
     *
     * @throws IllegalStateException if nothing is held
     */
    public long deadline() {
        ExpiryList.Node<FragmentedDatagram> oldest = byAge.oldest();
        if (oldest == null) {
            throw new IllegalStateException("reassembly has no deadline: it holds nothing, ask isEmpty first");
        }
        return oldest.deadline();
    }

    /** How many datagrams are incomplete. */
    public int datagrams() {
        return table.size();
    }

    /** Bytes held, overhead included. */
    public long heldBytes() {
        return heldBytes;
    }

    /** Forgets everything and releases it. */
    public void close() {
        ExpiryList.Node<FragmentedDatagram> node;
        while ((node = byAge.oldest()) != null) {
            forget(node.owner());
        }
    }

    private boolean checkShape(ByteBuf buffer, IpPacket packet, int length, int end) {
        boolean ipv6 = packet.version == 6;
        if (length == 0) {
            return false;
        }
        if (packet.moreFragments && (length & 7) != 0) {
            if (ipv6) {
                // RFC 8200 section 4.5: the pointer shows the payload length field.
                parameterProblem(buffer, packet, 4);
            }
            return false;
        }
        if (ipv6 && packet.fragmentOffset == 0 && !IpParser.holdsHeaderChain(buffer, packet)) {
            // RFC 8200 section 4.5, RFC 7112: filters could not judge it, and no kernel sends it. The pointer is 0.
            errors.send(
                    buffer.slice(packet.header, packet.end - packet.header),
                    Icmp.V6_PARAMETER_PROBLEM,
                    Icmp.V6_CODE_HEADER_CHAIN,
                    0);
            return false;
        }
        // The header of the whole counts towards IPv4's total length; towards IPv6's payload length, the extension
        // headers.
        int prefix = ipv6 ? packet.fragmentHeader - packet.header - 40 : packet.payload - packet.header;
        if (prefix + end > 65_535) {
            if (ipv6) {
                // Likewise: the pointer shows the fragment offset field.
                parameterProblem(buffer, packet, packet.fragmentHeader + 2 - packet.header);
            }
            return false;
        }
        return true;
    }

    private void parameterProblem(ByteBuf buffer, IpPacket packet, int pointer) {
        errors.send(
                buffer.slice(packet.header, packet.end - packet.header),
                Icmp.V6_PARAMETER_PROBLEM,
                Icmp.V6_CODE_HEADER_FIELD,
                pointer);
    }

    /** IPv4 tells datagrams apart by protocol too (RFC 791); IPv6 does not (RFC 8200 section 4.5). */
    private static long kind(IpPacket packet) {
        return packet.version == 4
                ? (long) packet.protocol << 32 | packet.identification
                : packet.identification & 0xffff_ffffL;
    }

    private FragmentedDatagram open(IpPacket packet, long kind, long nowNanos) {
        SourceLoad load = sources.get(packet.sourceHigh, packet.sourceLow, 0, 0, 0);
        if (load != null && load.datagrams >= limits.datagramsPerSource()) {
            evict(oldestOf(packet.sourceHigh, packet.sourceLow));
        } else if (table.size() >= limits.datagrams()) {
            evict(byAge.oldest());
        }
        // Looked up again: the eviction may have forgotten the source.
        load = sources.get(packet.sourceHigh, packet.sourceLow, 0, 0, 0);
        if (load == null) {
            load = new SourceLoad();
            sources.put(packet.sourceHigh, packet.sourceLow, 0, 0, 0, load);
        }
        load.datagrams++;
        FragmentedDatagram datagram = new FragmentedDatagram(packet, kind);
        table.put(packet.sourceHigh, packet.sourceLow, packet.destinationHigh, packet.destinationLow, kind, datagram);
        byAge.touch(datagram.node, nowNanos);
        heldBytes += datagram.heldBytes();
        return datagram;
    }

    /** A walk, bounded by the number of datagrams, which only a source at its limit causes. */
    private ExpiryList.@Nullable Node<FragmentedDatagram> oldestOf(long sourceHigh, long sourceLow) {
        ExpiryList.Node<FragmentedDatagram> node = byAge.oldest();
        while (node != null && (node.owner().sourceLow != sourceLow || node.owner().sourceHigh != sourceHigh)) {
            node = node.younger();
        }
        return node;
    }

    private void evict(ExpiryList.@Nullable Node<FragmentedDatagram> node) {
        if (node != null) {
            counters.increment(IpCounter.REASSEMBLY_EVICTED);
            forget(node.owner());
        }
    }

    private void forget(FragmentedDatagram datagram) {
        datagram.node.unlink();
        table.remove(
                datagram.sourceHigh,
                datagram.sourceLow,
                datagram.destinationHigh,
                datagram.destinationLow,
                datagram.kind);
        SourceLoad load = sources.get(datagram.sourceHigh, datagram.sourceLow, 0, 0, 0);
        if (load != null && --load.datagrams == 0) {
            sources.remove(datagram.sourceHigh, datagram.sourceLow, 0, 0, 0);
        }
        heldBytes -= datagram.heldBytes();
        datagram.release();
    }
}
