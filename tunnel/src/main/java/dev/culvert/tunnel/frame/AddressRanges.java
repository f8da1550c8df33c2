package dev.culvert.tunnel.frame;

import dev.culvert.tunnel.frame.OpenRequest.AddressRange;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/**
 * Address ranges as an OPEN carries them, in one array: each {@code u8 address length (4, 16) | u8 prefix length | address}.
 * A peer may have thousands of flows wait, each with a thousand ranges; as objects they would be ten times as large.
 * Immutable.
 */
public final class AddressRanges {
    public static final AddressRanges NONE = new AddressRanges(new byte[0], 0);

    /** Most in one list: as many as a token can grant, and small enough for one frame. */
    public static final int MAX = 1024;

    private static final int HEADER = 2;

    private final byte[] ranges;
    private final int size;
    private final int hash;

    private AddressRanges(byte[] ranges, int size) {
        this.ranges = ranges;
        this.size = size;
        this.hash = Arrays.hashCode(ranges);
    }

    public static AddressRanges of(Collection<AddressRange> list) {
        int length = 0;
        for (AddressRange r : list) {
            length += HEADER + r.network().getAddress().length;
        }
        byte[] out = new byte[length];
        int at = 0;
        for (AddressRange r : list) {
            byte[] address = r.network().getAddress();
            out[at++] = (byte) address.length;
            out[at++] = (byte) r.length();
            System.arraycopy(address, 0, out, at, address.length);
            at += address.length;
        }
        return list.isEmpty() ? NONE : new AddressRanges(out, list.size());
    }

    /**
     * Reads all of {@code value}. An IPv4-mapped IPv6 address is the IPv4 address that it is.
     *
     * @throws ProtocolException when it is malformed
     */
    static AddressRanges read(ByteBuf value) throws ProtocolException {
        byte[] out = new byte[value.readableBytes()];
        int at = 0;
        int size = 0;
        while (value.isReadable()) {
            int addressLength = value.readUnsignedByte();
            int length = value.readUnsignedByte();
            if (addressLength != 4 && addressLength != 16) {
                throw new ProtocolException("OPEN with an address of " + addressLength + " bytes");
            }
            byte[] address = new byte[addressLength];
            value.readBytes(address);
            address = address(address).getAddress(); // 4 bytes now if it was IPv4-mapped
            if (length > address.length * 8 || size == MAX) {
                throw new ProtocolException("OPEN with a malformed list of address ranges");
            }
            out[at++] = (byte) address.length;
            out[at++] = (byte) length;
            System.arraycopy(address, 0, out, at, address.length);
            at += address.length;
            size++;
        }
        return size == 0 ? NONE : new AddressRanges(at == out.length ? out : Arrays.copyOf(out, at), size);
    }

    void write(ByteBuf out) {
        out.writeBytes(ranges);
    }

    public int size() {
        return size;
    }

    public boolean isEmpty() {
        return size == 0;
    }

    /** Bytes that they take, here and in a frame. */
    public int bytes() {
        return ranges.length;
    }

    /** Those that hold the address; bits of a range's address beyond its length count for nothing. */
    public List<AddressRange> containing(InetAddress address) {
        byte[] wanted = address.getAddress();
        List<AddressRange> out = List.of();
        for (int at = 0; at < ranges.length; at += HEADER + ranges[at]) {
            if (ranges[at] == wanted.length && startsAlike(at + HEADER, wanted, ranges[at + 1] & 0xff)) {
                if (out.isEmpty()) {
                    out = new ArrayList<>(1);
                }
                out.add(range(at));
            }
        }
        return out;
    }

    private boolean startsAlike(int at, byte[] address, int bits) {
        int whole = bits >>> 3;
        if (!Arrays.equals(ranges, at, at + whole, address, 0, whole)) {
            return false;
        }
        int rest = bits & 7;
        return rest == 0 || (ranges[at + whole] & 0xff) >>> 8 - rest == (address[whole] & 0xff) >>> 8 - rest;
    }

    public List<AddressRange> toList() {
        List<AddressRange> out = new ArrayList<>(size);
        for (int at = 0; at < ranges.length; at += HEADER + ranges[at]) {
            out.add(range(at));
        }
        return out;
    }

    private AddressRange range(int at) {
        int from = at + HEADER;
        return new AddressRange(address(Arrays.copyOfRange(ranges, from, from + ranges[at])), ranges[at + 1] & 0xff);
    }

    private static InetAddress address(byte[] bytes) {
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(bytes.length + " bytes of address", e);
        }
    }

    @Override
    public boolean equals(Object o) {
        return this == o
                || o instanceof AddressRanges other && hash == other.hash && Arrays.equals(ranges, other.ranges);
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        return toList().toString();
    }
}
