package dev.culvert.stack.ip;

/**
 * What the {@link IpParser} found in a packet. One instance is filled again for each packet, so that parsing allocates
 * nothing; read it before the next packet is parsed. Indices are absolute in the buffer that was parsed.
 */
public final class IpPacket {
    int version;
    int header;
    int end;
    int protocol;
    int payload;
    /** The two ECN bits. */
    int ecn;

    int hopLimit;
    long sourceHigh;
    long sourceLow;
    long destinationHigh;
    long destinationLow;
    boolean fragment;
    int fragmentHeader;
    int nextHeaderField;
    int fragmentOffset;
    boolean moreFragments;
    int identification;
    int errorType;
    int errorCode;
    int errorRest;

    /** Nothing parsed yet. */
    public IpPacket() {}

    /** 4 or 6. */
    public int version() {
        return version;
    }

    /** Index of the IP header. */
    public int header() {
        return header;
    }

    /** Index behind the packet's last byte; what follows is padding of the link. */
    public int end() {
        return end;
    }

    /** The upper-layer protocol, behind all extension headers. */
    public int protocol() {
        return protocol;
    }

    /** Index of the upper-layer header, or of the fragment's data. */
    public int payload() {
        return payload;
    }

    /** Bytes from {@link #payload} to {@link #end}. */
    public int payloadLength() {
        return end - payload;
    }

    /** Time to live or hop limit, 1 to 255. */
    public int hopLimit() {
        return hopLimit;
    }

    /** Source address, high long. */
    public long sourceHigh() {
        return sourceHigh;
    }

    /** Source address, low long. */
    public long sourceLow() {
        return sourceLow;
    }

    /** Destination address, high long. */
    public long destinationHigh() {
        return destinationHigh;
    }

    /** Destination address, low long. */
    public long destinationLow() {
        return destinationLow;
    }

    /** The sum of the pseudo-header of an upper-layer packet of so many bytes in it. */
    public long pseudoHeader(int protocol, int length) {
        return IpOutput.pseudoHeader(sourceHigh, sourceLow, destinationHigh, destinationLow, protocol, length);
    }

    /** IPv6: where in the packet the field is that names {@link #protocol}, in bytes from the IP header. */
    public int nextHeaderFieldOffset() {
        return nextHeaderField - header;
    }

    /** Whether this is a fragment that others belong to. */
    public boolean isFragment() {
        return fragment;
    }

    /** Whether a dropped packet deserves an ICMP error, which then are {@link #errorType} and so on. */
    public boolean hasError() {
        return errorType >= 0;
    }

    /** Type of the ICMP error. */
    public int errorType() {
        return errorType;
    }

    /** Code of the ICMP error. */
    public int errorCode() {
        return errorCode;
    }

    /** Type-specific word of the ICMP error. */
    public int errorRest() {
        return errorRest;
    }

    void error(int type, int code, int rest) {
        errorType = type;
        errorCode = code;
        errorRest = rest;
    }
}
