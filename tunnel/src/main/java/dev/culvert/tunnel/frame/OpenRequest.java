package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What an OPEN frame says.
 *
 * <pre>
 *  u8 protocol | u8 host kind (4, 6, or 1 = name) | host (4 bytes, 16 bytes, or u8 length + UTF-8) | u16 port
 *  then attributes: u8 type | u16 length | value      (types that are not known are skipped)
 * </pre>
 *
 * @param destination where to
 * @param agent the agent that shall answer (client to gateway), or null
 * @param client who asks (gateway to agent), or null: the client's name as the gateway authenticated it, {@code #}, and
 *     the number of its link, so that two machines with one token stay two
 * @param source the application's address and port at the client, or null
 * @param credit bytes that the opener grants the answering side at first; 0 for datagram flows
 * @param rttMicros least round-trip time of the client's link as the gateway knows it, 0 when unknown
 * @param restriction when the destination is a name: what it must be resolved to, as far as the gateway restricts it; null
 *     means that any address will do that the agent serves, or that there is no name
 * @param path of a flow that can be resumed: which flow of which session it is, and whether it goes on; else null
 * @param holder whose flow it is, in the gateway's words, for the agent to ask with while it is {@linkplain HeldFlow held}; or null
 */
public record OpenRequest(
        Destination destination,
        @Nullable String agent,
        @Nullable String client,
        @Nullable InetSocketAddress source,
        long credit,
        long rttMicros,
        @Nullable Restriction restriction,
        @Nullable FlowPath path,
        @Nullable String holder) {

    /** Longest {@link #holder}, in bytes. */
    public static final int MAX_HOLDER = 255;

    /** Of a flow that ends with its link. */
    public OpenRequest(
            Destination destination,
            @Nullable String agent,
            @Nullable String client,
            @Nullable InetSocketAddress source,
            long credit,
            long rttMicros,
            @Nullable Restriction restriction) {
        this(destination, agent, client, source, credit, rttMicros, restriction, null, null);
    }

    /** Addresses: the first of them and a prefix length. */
    public record AddressRange(InetAddress network, int length) {}

    /**
     * Which addresses the agent may dial for a name.
     *
     * @param only the only ones; null for any. Given when no grant names the name, but some name addresses
     * @param except never these, even if they are among {@code only}
     */
    public record Restriction(@Nullable AddressRanges only, AddressRanges except) {
        public Restriction(@Nullable Collection<AddressRange> only, Collection<AddressRange> except) {
            this(only == null ? null : AddressRanges.of(only), AddressRanges.of(except));
        }

        /** Bytes that both lists take. */
        public int bytes() {
            return except.bytes() + (only == null ? 0 : only.bytes());
        }
    }

    private static final int HOST_NAME = 1;
    private static final int HOST_V4 = 4;
    private static final int HOST_V6 = 6;

    private static final int ATTR_AGENT = 1;
    private static final int ATTR_SOURCE = 2;
    private static final int ATTR_CREDIT = 3;
    private static final int ATTR_CLIENT = 4;
    private static final int ATTR_ALLOWED = 5;
    private static final int ATTR_RTT = 6;
    private static final int ATTR_EXCEPT = 7;
    private static final int ATTR_FLOW = 8;
    private static final int ATTR_SESSION = 9;
    private static final int ATTR_RESUME = 10;
    private static final int ATTR_HOLDER = 11;

    /** What an application at the client asks of an agent, before a link adds what it knows. */
    public static OpenRequest ofClient(Destination destination, String agent, @Nullable InetSocketAddress source) {
        return new OpenRequest(destination, agent, null, source, 0, 0, null);
    }

    /**
     * The same as it goes over a link of its opener.
     *
     * @param credit bytes granted to the answering side at first; ignored for datagram flows
     * @param rttMicros least round trip of the link, 0 when unknown
     * @param path which flow it is; null when it ends with the link
     */
    public OpenRequest over(long credit, long rttMicros, @Nullable FlowPath path) {
        return new OpenRequest(
                destination,
                agent,
                client,
                source,
                destination.isStream() ? credit : 0,
                rttMicros,
                restriction,
                path,
                holder);
    }

    /** The same as a gateway passes it on to the agent that it has chosen. */
    public OpenRequest forwarded(
            String client,
            long rttMicros,
            @Nullable Restriction restriction,
            @Nullable FlowPath path,
            @Nullable String holder) {
        return new OpenRequest(destination, null, client, source, credit, rttMicros, restriction, path, holder);
    }

    /** The same without its restriction and its holder: for what is kept when those have been noted. */
    public OpenRequest unrestricted() {
        return restriction == null && holder == null
                ? this
                : new OpenRequest(destination, agent, client, source, credit, rttMicros, null, path, null);
    }

    /** The client's name without the number of its link; empty when unknown. */
    public String clientName() {
        if (client == null) {
            return "";
        }
        int number = client.indexOf('#');
        return number < 0 ? client : client.substring(0, number);
    }

    static void encode(Destination destination, ByteBuf out) {
        out.writeByte(destination.protocol());
        String name = destination.name();
        if (name != null) {
            byte[] b = name.getBytes(StandardCharsets.UTF_8);
            out.writeByte(HOST_NAME).writeByte(b.length).writeBytes(b);
        } else {
            byte[] b = Objects.requireNonNull(destination.address()).getAddress();
            out.writeByte(b.length == 4 ? HOST_V4 : HOST_V6).writeBytes(b);
        }
        out.writeShort(destination.port());
    }

    public void encode(ByteBuf out) {
        encode(destination, out);
        if (agent != null) {
            attribute(out, ATTR_AGENT, agent.getBytes(StandardCharsets.UTF_8));
        }
        if (client != null) {
            attribute(out, ATTR_CLIENT, client.getBytes(StandardCharsets.UTF_8));
        }
        if (source != null) {
            byte[] a = source.getAddress().getAddress();
            out.writeByte(ATTR_SOURCE).writeShort(a.length + 2).writeBytes(a).writeShort(source.getPort());
        }
        if (credit > 0) {
            out.writeByte(ATTR_CREDIT).writeShort(4).writeInt((int) credit);
        }
        if (rttMicros > 0) {
            out.writeByte(ATTR_RTT).writeShort(4).writeInt((int) Math.min(rttMicros, 0xffff_ffffL));
        }
        if (restriction != null) {
            if (restriction.only() != null) {
                ranges(out, ATTR_ALLOWED, restriction.only());
            }
            if (!restriction.except().isEmpty()) {
                ranges(out, ATTR_EXCEPT, restriction.except());
            }
        }
        if (path != null) {
            encode(path, out);
        }
        if (holder != null) {
            attribute(out, ATTR_HOLDER, holder.getBytes(StandardCharsets.UTF_8));
        }
    }

    private static void encode(FlowPath path, ByteBuf out) {
        out.writeByte(ATTR_FLOW).writeShort(20).writeLong(path.number()).writeLong(path.oldest());
        out.writeInt(path.epoch());
        SessionId session = path.session();
        if (session != null) {
            out.writeByte(ATTR_SESSION).writeShort(SessionId.LENGTH);
            session.write(out);
        }
        FlowPath.Resume resume = path.resume();
        if (resume != null) {
            byte[] answerer = resume.answerer().getBytes(StandardCharsets.UTF_8);
            out.writeByte(ATTR_RESUME).writeShort(8 + answerer.length).writeLong(resume.received());
            out.writeBytes(answerer);
        }
    }

    private static void ranges(ByteBuf out, int type, AddressRanges ranges) {
        out.writeByte(type).writeShort(ranges.bytes());
        ranges.write(out);
    }

    private static void attribute(ByteBuf out, int type, byte[] value) {
        out.writeByte(type).writeShort(value.length).writeBytes(value);
    }

    /**
     * Reads the payload of an OPEN frame. Does not release it.
     *
     * @throws ProtocolException when it is malformed
     */
    public static OpenRequest decode(ByteBuf in) throws ProtocolException {
        try {
            Destination destination = destination(in, "OPEN");
            String agent = null;
            String client = null;
            InetSocketAddress source = null;
            long credit = 0;
            long rtt = 0;
            AddressRanges only = null;
            AddressRanges except = AddressRanges.NONE;
            FlowPath path = null;
            SessionId session = null;
            FlowPath.Resume resume = null;
            String holder = null;
            while (in.isReadable()) {
                int type = in.readUnsignedByte();
                int length = in.readUnsignedShort();
                ByteBuf value = in.readSlice(length);
                switch (type) {
                    case ATTR_AGENT -> agent = text(value, length);
                    case ATTR_CLIENT -> client = text(value, length);
                    case ATTR_SOURCE ->
                        source = new InetSocketAddress(address(value, length - 2, "OPEN"), value.readUnsignedShort());
                    case ATTR_CREDIT -> credit = value.readUnsignedInt();
                    case ATTR_RTT -> rtt = value.readUnsignedInt();
                    case ATTR_ALLOWED -> only = AddressRanges.read(value);
                    case ATTR_EXCEPT -> except = AddressRanges.read(value);
                    case ATTR_FLOW ->
                        path = new FlowPath(value.readLong(), value.readLong(), value.readInt(), null, null);
                    case ATTR_SESSION -> session = SessionId.read(value);
                    case ATTR_RESUME -> resume = new FlowPath.Resume(value.readLong(), text(value, length - 8));
                    case ATTR_HOLDER -> holder = length > MAX_HOLDER ? null : text(value, length);
                    default -> {} // of a later version
                }
            }
            if (credit > Integer.MAX_VALUE) {
                throw new ProtocolException("OPEN with a credit of " + credit + " bytes, most is 2147483647");
            }
            Restriction restriction = only == null && except.isEmpty() ? null : new Restriction(only, except);
            FlowPath whole =
                    path == null ? null : new FlowPath(path.number(), path.oldest(), path.epoch(), session, resume);
            return new OpenRequest(destination, agent, client, source, credit, rtt, restriction, whole, holder);
        } catch (IndexOutOfBoundsException e) {
            throw new ProtocolException("OPEN is truncated");
        } catch (IllegalArgumentException e) {
            throw new ProtocolException("OPEN: " + e.getMessage());
        }
    }

    /** @param frame whose part it is, for the message */
    static Destination destination(ByteBuf in, String frame) throws ProtocolException {
        int protocol = in.readUnsignedByte();
        int kind = in.readUnsignedByte();
        InetAddress address = null;
        String name = null;
        switch (kind) {
            case HOST_V4 -> address = address(in, 4, frame);
            case HOST_V6 -> address = address(in, 16, frame);
            case HOST_NAME -> name = text(in, in.readUnsignedByte());
            default -> throw new ProtocolException(frame + " with host kind=" + kind + ", expected 1, 4 or 6");
        }
        return new Destination(protocol, address, name, in.readUnsignedShort());
    }

    static InetAddress address(ByteBuf in, int length, String frame) throws ProtocolException {
        if (length != 4 && length != 16) {
            throw new ProtocolException(frame + " with an address of " + length + " bytes");
        }
        byte[] b = new byte[length];
        in.readBytes(b);
        try {
            return InetAddress.getByAddress(b);
        } catch (UnknownHostException e) {
            throw new ProtocolException(frame + " with an address of " + length + " bytes");
        }
    }

    static String text(ByteBuf in, int length) {
        String s = in.toString(in.readerIndex(), length, StandardCharsets.UTF_8);
        in.skipBytes(length);
        return s;
    }
}
