package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;

/**
 * What a HELD frame says: an agent holds a flow that has no path now, and asks whether it may still be. OVER, when it may not, names
 * it by session and number.
 *
 * <pre>
 *  session (16 bytes) | u64 number | u8 length + holder | u8 length (4, 16) + address | destination, as in OPEN
 * </pre>
 *
 * @param holder as the gateway's OPEN said it
 * @param address that its socket is connected to
 */
public record HeldFlow(SessionId session, long number, String holder, InetAddress address, Destination destination) {
    /** What OVER says of the flow, before its reason. */
    public static final int NAME_LENGTH = SessionId.LENGTH + 8;

    public void encode(ByteBuf out) {
        byte[] said = holder.getBytes(StandardCharsets.UTF_8);
        // What was no UTF-8 when it came has grown: whoever said it has no answer to it.
        byte[] whose = said.length > OpenRequest.MAX_HOLDER ? new byte[0] : said;
        byte[] where = address.getAddress();
        name(out);
        out.writeByte(whose.length).writeBytes(whose);
        out.writeByte(where.length).writeBytes(where);
        OpenRequest.encode(destination, out);
    }

    /** Writes the payload of an OVER. */
    public void over(Reason reason, ByteBuf out) {
        name(out);
        out.writeByte(reason.code());
    }

    private void name(ByteBuf out) {
        session.write(out);
        out.writeLong(number);
    }

    /** Does not release {@code in}. */
    public static HeldFlow decode(ByteBuf in) throws ProtocolException {
        try {
            SessionId session = SessionId.read(in);
            long number = in.readLong();
            String holder = OpenRequest.text(in, in.readUnsignedByte());
            InetAddress address = OpenRequest.address(in, in.readUnsignedByte(), "HELD");
            return new HeldFlow(session, number, holder, address, OpenRequest.destination(in, "HELD"));
        } catch (IndexOutOfBoundsException e) {
            throw new ProtocolException("HELD is truncated");
        } catch (IllegalArgumentException e) {
            throw new ProtocolException("HELD: " + e.getMessage());
        }
    }
}
