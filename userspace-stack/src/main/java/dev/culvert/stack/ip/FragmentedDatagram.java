package dev.culvert.stack.ip;

import dev.culvert.stack.wire.Ipv4;
import dev.culvert.stack.wire.Ipv6;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/** The fragments of one datagram that have come so far, in the order of their offsets. */
final class FragmentedDatagram {
    /**
     * Fragments of one datagram: 65,535 bytes make 54 at IPv6's least MTU of 1,280 and 119 at the 576 bytes of RFC 791; more
     * is an attack on the search below, which is linear.
     */
    static final int MAX_FRAGMENTS = 128;

    private static final int FIRST_CAPACITY = 4;

    final long sourceHigh;
    final long sourceLow;
    final long destinationHigh;
    final long destinationLow;
    final long kind;
    final ExpiryList.Node<FragmentedDatagram> node = new ExpiryList.Node<>(this);

    private int[] starts = new int[FIRST_CAPACITY];
    private int[] ends = new int[FIRST_CAPACITY];
    private @Nullable ByteBuf[] data = new @Nullable ByteBuf[FIRST_CAPACITY];
    private int count;
    private int received;
    /** Where the datagram ends, known from the fragment without "more"; -1 before. */
    private int totalEnd = -1;

    private boolean condemned;
    private int ecnSeen;
    private int held = Reassembler.FRAGMENT_OVERHEAD;

    /** The first fragment from its IP header on: the whole's header is made of it, and errors quote it. */
    private @Nullable ByteBuf first;

    private int firstPayload;
    private int firstNextHeaderField;
    private int firstFragmentHeader;

    FragmentedDatagram(IpPacket packet, long kind) {
        this.sourceHigh = packet.sourceHigh;
        this.sourceLow = packet.sourceLow;
        this.destinationHigh = packet.destinationHigh;
        this.destinationLow = packet.destinationLow;
        this.kind = kind;
    }

    int heldBytes() {
        return held;
    }

    @Nullable
    ByteBuf firstFragment() {
        return condemned ? null : first;
    }

    /** Retains the fragment that covers the bytes up to {@code end}, or returns why not. */
    @Nullable
    IpCounter add(ByteBuf buffer, IpPacket packet, int end) {
        if (condemned) {
            return IpCounter.DROPPED_FRAGMENT_OVERLAP;
        }
        int start = packet.fragmentOffset;
        int at = count;
        while (at > 0 && starts[at - 1] >= start) {
            at--;
        }
        if (at < count && starts[at] == start && ends[at] == end && (end == totalEnd) != packet.moreFragments) {
            // RFC 8200 section 4.5 lets exact duplicates pass; the network makes them without malice.
            return IpCounter.DROPPED_FRAGMENT_DUPLICATE;
        }
        boolean overlaps = at > 0 && ends[at - 1] > start || at < count && starts[at] < end;
        boolean contradictsEnd = packet.moreFragments
                ? totalEnd >= 0 && end >= totalEnd
                : totalEnd >= 0 || count > 0 && ends[count - 1] > end;
        if (overlaps || contradictsEnd) {
            condemn();
            return IpCounter.DROPPED_FRAGMENT_OVERLAP;
        }
        if (count == MAX_FRAGMENTS) {
            condemn();
            return IpCounter.DROPPED_FRAGMENT_TOO_MANY;
        }
        insert(at, start, end, keep(buffer, packet.payload, end - start));
        ecnSeen |= 1 << packet.ecn;
        received += end - start;
        held += end - start + Reassembler.FRAGMENT_OVERHEAD + (start == 0 ? packet.end - packet.header : 0);
        if (!packet.moreFragments) {
            totalEnd = end;
        }
        if (start == 0) {
            first = keep(buffer, packet.header, packet.end - packet.header);
            firstPayload = packet.payload - packet.header;
            firstNextHeaderField = packet.version == 6 ? packet.nextHeaderField - packet.header : 0;
            firstFragmentHeader = packet.fragmentHeader - packet.header;
        }
        return null;
    }

    /** A short fragment in a long buffer (the link may pad) is copied: what is held is what is counted, give or take half. */
    private static ByteBuf keep(ByteBuf buffer, int index, int length) {
        return length < buffer.capacity() / 2
                ? buffer.alloc().directBuffer(length).writeBytes(buffer, index, length)
                : buffer.retainedSlice(index, length);
    }

    boolean isComplete() {
        return received == totalEnd;
    }

    /**
     * The whole as one contiguous buffer. Its bytes are copied: reassembly is rare, what reads the result wants it in one
     * piece, and the copy frees the larger buffers that fragments are slices of.
     *
     * @return a packet that the caller releases, or null if the ECN marks contradict each other
     */
    @Nullable
    ByteBuf assemble(ByteBufAllocator alloc) {
        ByteBuf head = first;
        // RFC 3168 section 5.3: congestion experienced by any fragment is experienced by the whole, but marked and
        // not-capable fragments together are an error.
        boolean congestion = (ecnSeen & 1 << 3) != 0;
        if (head == null || congestion && (ecnSeen & 1) != 0) {
            return null;
        }
        boolean ipv4 = IpAddresses.isIpv4(sourceHigh, sourceLow);
        int headerLength = ipv4 ? firstPayload : firstFragmentHeader;
        ByteBuf whole = alloc.directBuffer(headerLength + totalEnd);
        int from = head.readerIndex();
        whole.writeBytes(head, from, headerLength);
        if (ipv4) {
            whole.setShort(2, headerLength + totalEnd);
            whole.setShort(6, 0);
            if (congestion) {
                whole.setByte(1, whole.getByte(1) | 3);
            }
            Ipv4.setChecksum(whole, 0);
        } else {
            whole.setByte(firstNextHeaderField, Ipv6.fragmentNextHeader(head, from + firstFragmentHeader));
            whole.setShort(4, headerLength - Ipv6.HEADER_LENGTH + totalEnd);
            if (congestion) {
                whole.setByte(1, whole.getByte(1) | 3 << 4);
            }
        }
        for (int i = 0; i < count; i++) {
            ByteBuf part = data[i];
            if (part != null) {
                whole.writeBytes(part, part.readerIndex(), part.readableBytes());
            }
        }
        return whole;
    }

    void release() {
        for (int i = 0; i < count; i++) {
            ByteBuf part = data[i];
            if (part != null) {
                part.release();
                data[i] = null;
            }
        }
        count = 0;
        if (first != null) {
            first.release();
            first = null;
        }
    }

    /**
     * Drops what has come; the datagram stays known until its time-out, so that what is yet to come is dropped too (RFC
     * 5722 section 4).
     */
    private void condemn() {
        condemned = true;
        received = 0;
        totalEnd = -1;
        held = Reassembler.FRAGMENT_OVERHEAD;
        release();
    }

    private void insert(int at, int start, int end, ByteBuf part) {
        if (count == starts.length) {
            int capacity = count * 2;
            starts = java.util.Arrays.copyOf(starts, capacity);
            ends = java.util.Arrays.copyOf(ends, capacity);
            data = java.util.Arrays.copyOf(data, capacity);
        }
        int moved = count - at;
        System.arraycopy(starts, at, starts, at + 1, moved);
        System.arraycopy(ends, at, ends, at + 1, moved);
        System.arraycopy(data, at, data, at + 1, moved);
        starts[at] = start;
        ends[at] = end;
        data[at] = part;
        count++;
    }
}
