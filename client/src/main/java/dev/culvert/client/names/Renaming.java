package dev.culvert.client.names;

import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Names at or below one domain become names at or below another, throughout a DNS message: in the question, as owners of records, and in the
 * data of the types whose names may be compressed (RFC 3597 section 4), which is why all of a message must be written anew when one name has
 * another length. Other data stays as it is. Immutable.
 */
final class Renaming {
    private static final int ANSWERS = 6;
    private static final int FLAGS = 3;
    private static final int AD = 0x20;

    /** Type, class, time to live and length, between a record's name and its data. */
    private static final int RECORD_HEADER = 10;

    private static final int POINTER = 0xc0;
    private static final int MAX_LABEL = 63;

    /** RFC 1035 section 2.3.4: with lengths and the root. */
    private static final int MAX_NAME = 255;

    /** The name of the question, at which messages begin behind their header. */
    private static final int TO_QUESTION = 0xc00c;

    private final byte[] from;
    private final byte[] to;

    /** @param from in its compared form, as {@code to} is */
    Renaming(String from, String to) {
        this.from = wire(from);
        this.to = wire(to);
    }

    private static byte[] wire(String domain) {
        byte[] text = ("." + domain + ".").getBytes(StandardCharsets.US_ASCII);
        for (int at = 0; at < text.length - 1; ) {
            int next = at + 1;
            while (text[next] != '.') {
                next++;
            }
            text[at] = (byte) (next - at - 1);
            at = next;
        }
        text[text.length - 1] = 0;
        return text;
    }

    /**
     * The question under the other name; what comes behind it stays.
     *
     * @param message the whole message of {@code question}; not released
     * @return null when its name would be too long
     */
    @Nullable
    ByteBuf question(ByteBuf message, DnsMessage question) {
        int start = message.readerIndex();
        byte[] name = new byte[question.questionEnd() - DnsMessage.HEADER - 4];
        message.getBytes(start + DnsMessage.HEADER, name);
        byte[] renamed = renamed(name);
        if (renamed.length > MAX_NAME) {
            return null;
        }
        int behind = start + question.questionEnd() - 4;
        return message.alloc()
                .directBuffer(message.readableBytes() + MAX_NAME)
                .writeBytes(message, start, DnsMessage.HEADER)
                .writeBytes(renamed)
                .writeBytes(message, behind, message.writerIndex() - behind);
    }

    /**
     * The answer to another question, with all names renamed and without the AD bit (RFC 4035 section 3.2.3): this is not what a signature is of.
     *
     * @param answer not released
     * @param renamedEnd where its question ends, in bytes from its beginning
     * @param message of the question whose answer it becomes; not released
     * @return null when it cannot be read
     */
    @Nullable
    ByteBuf answer(ByteBuf answer, int renamedEnd, ByteBuf message, DnsMessage question) {
        int start = answer.readerIndex();
        ByteBuf out = message.alloc().directBuffer(answer.readableBytes() + MAX_NAME);
        out.writeBytes(answer, start, DnsMessage.HEADER);
        out.setByte(FLAGS, out.getByte(FLAGS) & ~AD);
        out.writeBytes(message, message.readerIndex() + DnsMessage.HEADER, question.questionEnd() - DnsMessage.HEADER);
        byte[] asked = new byte[question.questionEnd() - DnsMessage.HEADER - 4];
        message.getBytes(message.readerIndex() + DnsMessage.HEADER, asked);
        int records = 0;
        for (int i = 0; i < 3; i++) {
            records += answer.getUnsignedShort(start + ANSWERS + 2 * i);
        }
        Records in = new Records(answer, start + renamedEnd);
        for (int i = 0; i < records; i++) {
            if (!in.copy(out, asked) || out.readableBytes() > DnsMessage.MAX) {
                out.release();
                return null;
            }
        }
        return out;
    }

    /** A name without pointers, with its suffix changed if it is at or below the domain. */
    private byte[] renamed(byte[] name) {
        int at = 0;
        while (name.length - at > from.length) {
            at += 1 + name[at];
        }
        if (name.length - at != from.length) {
            return name;
        }
        for (int i = 0; i < from.length; i++) {
            byte c = name[at + i];
            if ((c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c) != from[i]) {
                return name;
            }
        }
        byte[] out = new byte[at + to.length];
        System.arraycopy(name, 0, out, 0, at);
        System.arraycopy(to, 0, out, at, to.length);
        return out;
    }

    /** The records of one message, from the first on. */
    private final class Records {
        private final ByteBuf in;
        private final int start;
        private int at;

        Records(ByteBuf in, int at) {
            this.in = in;
            this.start = in.readerIndex();
            this.at = at;
        }

        /** @return whether there was one more; what is written otherwise is of no use */
        boolean copy(ByteBuf out, byte[] asked) {
            byte[] owner = name();
            if (owner == null || at + RECORD_HEADER > in.writerIndex()) {
                return false;
            }
            byte[] renamed = renamed(owner);
            if (Arrays.equals(renamed, asked)) {
                out.writeShort(TO_QUESTION);
            } else {
                out.writeBytes(renamed);
            }
            int type = in.getUnsignedShort(at);
            int end = at + RECORD_HEADER + in.getUnsignedShort(at + RECORD_HEADER - 2);
            if (end > in.writerIndex()) {
                return false;
            }
            out.writeBytes(in, at, RECORD_HEADER);
            int data = out.writerIndex();
            at += RECORD_HEADER;
            int before = Math.min(bytesBeforeNames(type), end - at);
            out.writeBytes(in, at, before);
            at += before;
            for (int i = 0; i < names(type) && at < end; i++) {
                byte[] inside = name();
                if (inside == null || at > end) {
                    return false;
                }
                out.writeBytes(renamed(inside));
            }
            out.writeBytes(in, at, end - at);
            out.setShort(data - 2, out.writerIndex() - data);
            at = end;
            return true;
        }

        /** The name here, without pointers; null for one that does not end. Goes on behind it. */
        private byte @Nullable [] name() {
            byte[] name = new byte[MAX_NAME];
            int length = 0;
            int read = at;
            int lowest = at; // pointers lead to what was before (RFC 1035 section 4.1.4), so they end
            boolean jumped = false;
            while (read < in.writerIndex()) {
                int label = in.getUnsignedByte(read);
                if (label >= POINTER) {
                    if (read + 1 >= in.writerIndex()) {
                        return null;
                    }
                    int target = start + ((label & ~POINTER) << 8 | in.getUnsignedByte(read + 1));
                    if (!jumped) {
                        at = read + 2;
                        jumped = true;
                    }
                    if (target >= lowest) {
                        return null;
                    }
                    read = lowest = target;
                    continue;
                }
                if (label > MAX_LABEL || length + 1 + label > MAX_NAME || read + 1 + label > in.writerIndex()) {
                    return null;
                }
                in.getBytes(read, name, length, 1 + label);
                length += 1 + label;
                read += 1 + label;
                if (label == 0) {
                    if (!jumped) {
                        at = read;
                    }
                    return Arrays.copyOf(name, length);
                }
            }
            return null;
        }
    }

    /** Of the data of types that have names: MX, AFSDB, RT, PX, KX begin with a preference, SRV with three numbers. */
    private static int bytesBeforeNames(int type) {
        return switch (type) {
            case 15, 18, 21, 26, 36 -> 2;
            case 33 -> 6;
            default -> 0;
        };
    }

    /** How many names follow: in NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME and those above one; in SOA, MINFO, RP and PX two. */
    private static int names(int type) {
        return switch (type) {
            case 2, 3, 4, 5, 7, 8, 9, 12, 15, 18, 21, 33, 36, 39 -> 1;
            case 6, 14, 17, 26 -> 2;
            default -> 0;
        };
    }
}
