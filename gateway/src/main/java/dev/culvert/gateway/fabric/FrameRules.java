package dev.culvert.gateway.fabric;

import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;

/** When a frame of a flow is due, and what it must hold: what else comes ends the link that it came on. */
final class FrameRules {
    private FrameRules() {}

    /** Counts DATA against its credit. */
    static void data(FlowHalf half, ByteBuf payload) throws ProtocolException {
        int bytes = payload.readableBytes();
        half.credit -= bytes;
        if (!half.stream || !half.opened || half.finFromOwner || half.credit < 0) {
            throw violation(
                    "DATA",
                    half,
                    !half.stream
                            ? ", which is not a stream"
                            : !half.opened
                                    ? " before OPENED"
                                    : half.finFromOwner ? " after its FIN" : " beyond its credit");
        }
        half.bytes += bytes;
    }

    static void datagram(FlowHalf half, int flags, ByteBuf payload) throws ProtocolException {
        if (half.stream) {
            throw violation("DATAGRAM", half, ", which is a stream");
        }
        if (payload.readableBytes() < Frame.datagramPrefix(flags)) {
            throw violation("DATAGRAM", half, " that is shorter than its flags say");
        }
    }

    static void fin(FlowHalf half) throws ProtocolException {
        if (!half.stream || !half.opened || half.finFromOwner) {
            throw violation(
                    "FIN", half, !half.stream ? ", which is not a stream" : half.opened ? " twice" : " before OPENED");
        }
    }

    /** @return what is granted */
    static long credit(FlowHalf half, ByteBuf payload) throws ProtocolException {
        long bytes = u32(payload, "CREDIT");
        if (!half.stream || !half.opened) {
            throw violation("CREDIT", half, half.stream ? " before OPENED" : ", which is not a stream");
        }
        return bytes;
    }

    /** OPENED and REFUSED come from the side that was asked, and once. */
    static void answer(String frame, FlowHalf half) throws ProtocolException {
        if (!half.owner.accepts()) {
            throw violation(frame, half, " from the side that opened it");
        }
        if (half.opened) {
            throw violation(frame, half, ", which is open");
        }
    }

    static long u32(ByteBuf payload, String frame) throws ProtocolException {
        if (payload.readableBytes() < 4) {
            throw new ProtocolException(frame + " whose payload is shorter than 4 bytes");
        }
        return payload.readUnsignedInt();
    }

    /** What follows in frames of a flow that can be resumed. */
    static long offset(ByteBuf payload, String frame) throws ProtocolException {
        if (payload.readableBytes() < 8) {
            throw new ProtocolException(frame + " of a flow that can be resumed, without an offset");
        }
        long offset = payload.readLong();
        if (offset < 0) {
            throw new ProtocolException(frame + " for offset " + offset);
        }
        return offset;
    }

    static Reason reason(ByteBuf payload) {
        return payload.isReadable() ? Reason.of(payload.getUnsignedByte(payload.readerIndex())) : Reason.UNSPECIFIED;
    }

    private static ProtocolException violation(String frame, FlowHalf half, String what) {
        return new ProtocolException(frame + " for flow " + Integer.toUnsignedString(half.id) + what);
    }
}
