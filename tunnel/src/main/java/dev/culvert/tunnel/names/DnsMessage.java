package dev.culvert.tunnel.names;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What must be read of a DNS message (RFC 1035 section 4) to pass it on byte for byte: its header, its one question, and how large an
 * answer may be. All else, options and record types that nobody has heard of yet among them, stays as it is. Immutable; keeps no
 * buffer.
 *
 * @param flags the second 16 bits of the header
 * @param labels of the question's name, lower case, from the left; none for the root
 * @param questionEnd where the question ends, in bytes from the message's beginning
 * @param answerSize the largest answer that its sender takes in a datagram: 512 bytes, or what its OPT record says (RFC 6891)
 * @param edns the DO bit of its OPT record, where it is in the record (RFC 6891 section 6.1.4); -1 when it has none
 */
public record DnsMessage(
        int id, int flags, List<String> labels, int type, int dnsClass, int questionEnd, int answerSize, int edns) {
    public static final int HEADER = 12;

    /** RFC 1035 section 4.2.1. */
    public static final int SMALL = 512;

    /** A message over TCP has its length before it, in 16 bits (RFC 1035 section 4.2.2). */
    public static final int MAX = 0xffff;

    public static final int RESPONSE = 0x8000;
    public static final int TRUNCATED = 0x0200;
    private static final int RECURSION_DESIRED = 0x0100;
    private static final int RECURSION_AVAILABLE = 0x0080;
    private static final int OPCODE = 0x7800;
    private static final int CHECKING_DISABLED = 0x0010;
    static final int RCODE = 0x000f;

    /** Opcode, RD and CD, which an answer has from its question (RFC 1035 section 4.1.1, RFC 4035 section 3.2.2). */
    private static final int COPIED = OPCODE | RECURSION_DESIRED | CHECKING_DISABLED;

    public static final int NO_ERROR = 0;
    public static final int FORMAT_ERROR = 1;
    public static final int SERVER_FAILURE = 2;
    public static final int NOT_IMPLEMENTED = 4;
    public static final int REFUSED = 5;

    private static final int TYPE_OPT = 41;
    private static final int DNSSEC_OK = 0x8000;

    /** An OPT record without options: root, type, size, extended flags, length of its options. */
    private static final int OPT = 11;

    /** The largest question that is taken in a datagram, as said in answers of ours: what passes every network (RFC 9715). */
    private static final int QUESTION_SIZE = 1_232;

    private static final int TYPE_IXFR = 251;
    private static final int TYPE_AXFR = 252;
    private static final int CLASS_IN = 1;

    /** RFC 1035 section 2.3.4: with lengths and the root. */
    private static final int MAX_NAME = 255;

    private static final int MAX_LABEL = 63;

    /** Records before the OPT of a question: a signature perhaps, or a prerequisite. More is no question. */
    private static final int MAX_RECORDS = 16;

    public DnsMessage {
        labels = List.copyOf(labels);
    }

    /**
     * Reads a message; changes neither its indices nor its content.
     *
     * @return null when it is shorter than it says, or has not one question: then it can be passed on to nobody
     */
    public static @Nullable DnsMessage read(ByteBuf in) {
        int start = in.readerIndex();
        int end = in.writerIndex();
        if (end - start < HEADER || end - start > MAX || in.getUnsignedShort(start + 4) != 1) {
            return null;
        }
        List<String> labels = new ArrayList<>();
        int at = start + HEADER;
        while (true) {
            if (at >= end) {
                return null;
            }
            int length = in.getUnsignedByte(at);
            if (length == 0) {
                at++;
                break;
            }
            // Nothing comes before the question that it could point to.
            if (length > MAX_LABEL || at + 1 + length > end || at + 1 + length - start - HEADER > MAX_NAME - 1) {
                return null;
            }
            labels.add(label(in, at + 1, length));
            at += 1 + length;
        }
        if (at + 4 > end) {
            return null;
        }
        int questionEnd = at + 4;
        int opt = opt(in, start, questionEnd, end);
        return new DnsMessage(
                in.getUnsignedShort(start),
                in.getUnsignedShort(start + 2),
                labels,
                in.getUnsignedShort(at),
                in.getUnsignedShort(at + 2),
                questionEnd - start,
                opt < 0 ? SMALL : Math.max(SMALL, in.getUnsignedShort(opt + 2)),
                opt < 0 ? -1 : in.getInt(opt + 4) & DNSSEC_OK);
    }

    /** In lower case (RFC 4343); a dot or what does not print inside of a label is told apart from one between labels (RFC 1035 5.1). */
    private static String label(ByteBuf in, int at, int length) {
        StringBuilder text = new StringBuilder(length);
        for (int i = at; i < at + length; i++) {
            int c = in.getUnsignedByte(i);
            if (c >= 'A' && c <= 'Z') {
                text.append((char) (c + 'a' - 'A'));
            } else if (c == '.' || c == '\\') {
                text.append('\\').append((char) c);
            } else if (c <= ' ' || c >= 0x7f) {
                text.append('\\')
                        .append((char) ('0' + c / 100))
                        .append((char) ('0' + c / 10 % 10))
                        .append((char) ('0' + c % 10));
            } else {
                text.append((char) c);
            }
        }
        return text.toString();
    }

    /** Where the type of its OPT record is; -1 when it has none. */
    private static int opt(ByteBuf in, int start, int questionEnd, int end) {
        int records = in.getUnsignedShort(start + 6) + in.getUnsignedShort(start + 8) + in.getUnsignedShort(start + 10);
        int at = questionEnd;
        for (int i = 0; i < Math.min(records, MAX_RECORDS); i++) {
            at = skipName(in, at, end);
            if (at < 0 || at + 10 > end) {
                return -1;
            }
            if (in.getUnsignedShort(at) == TYPE_OPT) {
                return at;
            }
            at += 10 + in.getUnsignedShort(at + 8);
        }
        return -1;
    }

    /** @return where what follows the name begins; -1 when nothing does */
    private static int skipName(ByteBuf in, int from, int end) {
        int at = from;
        while (at < end) {
            int length = in.getUnsignedByte(at);
            if (length == 0) {
                return at + 1;
            }
            if (length >= 0xc0) {
                return at + 2;
            }
            at += 1 + length;
        }
        return -1;
    }

    /**
     * Why this is no question that is passed on, as a response code: {@link #NO_ERROR} if it is one. Transfers of whole zones are
     * not: a name server has lists of who may have them, and those would be met from the agent's address.
     */
    public int fault() {
        if ((flags & OPCODE) != 0) {
            return NOT_IMPLEMENTED;
        }
        return dnsClass != CLASS_IN || type == TYPE_AXFR || type == TYPE_IXFR ? REFUSED : NO_ERROR;
    }

    public boolean isResponse() {
        return (flags & RESPONSE) != 0;
    }

    /** Of a response. */
    public int responseCode() {
        return flags & RCODE;
    }

    /** The name as text, without trailing dot; empty for the root. */
    public String name() {
        return String.join(".", labels);
    }

    /** Whether the name is this domain or below it. */
    public boolean isAtOrBelow(String domain) {
        if (domain.isEmpty()) {
            return true;
        }
        int count = 1 + (int) domain.chars().filter(c -> c == '.').count();
        return count <= labels.size()
                && String.join(".", labels.subList(labels.size() - count, labels.size()))
                        .equals(domain);
    }

    /** Whether this is the answer to that question, which was sent with this id. */
    public boolean answers(DnsMessage question, int sentId) {
        return isResponse()
                && id == sentId
                && type == question.type
                && dnsClass == question.dnsClass
                && labels.equals(question.labels);
    }

    /** Whether this is the answer of a server to a question with this id that it could not read: a header alone, with an error. */
    static boolean isBareError(ByteBuf answer, int sentId) {
        int at = answer.readerIndex();
        return answer.readableBytes() >= HEADER
                && answer.getUnsignedShort(at) == sentId
                && (answer.getUnsignedShort(at + 2) & RESPONSE) != 0
                && (answer.getUnsignedShort(at + 2) & RCODE) != NO_ERROR
                && answer.getUnsignedShort(at + 4) == 0;
    }

    /**
     * An answer without records but the OPT that a question with one asks for (RFC 6891 section 6.1.1): header and question.
     *
     * @param question the whole message; not released
     * @param code a response code
     * @param truncated whether the asker shall ask again over TCP
     */
    public ByteBuf answer(ByteBufAllocator alloc, ByteBuf question, int code, boolean truncated) {
        boolean opt = edns >= 0;
        ByteBuf answer = alloc.directBuffer(questionEnd + (opt ? OPT : 0))
                .writeShort(id)
                .writeShort(RESPONSE | flags & COPIED | RECURSION_AVAILABLE | (truncated ? TRUNCATED : 0) | code)
                .writeShort(1)
                .writeShort(0)
                .writeShort(0)
                .writeShort(opt ? 1 : 0)
                .writeBytes(question, question.readerIndex() + HEADER, questionEnd - HEADER);
        return opt
                ? answer.writeByte(0)
                        .writeShort(TYPE_OPT)
                        .writeShort(QUESTION_SIZE)
                        .writeInt(edns)
                        .writeShort(0)
                : answer;
    }

    /**
     * What is answered to something that {@link #read} could not.
     *
     * @param question not released
     * @return null when it has not even a header, or is an answer itself
     */
    public static @Nullable ByteBuf malformed(ByteBufAllocator alloc, ByteBuf question) {
        int at = question.readerIndex();
        if (question.readableBytes() < HEADER || (question.getUnsignedShort(at + 2) & RESPONSE) != 0) {
            return null;
        }
        return alloc.directBuffer(HEADER)
                .writeShort(question.getUnsignedShort(at))
                .writeShort(RESPONSE | question.getUnsignedShort(at + 2) & COPIED | FORMAT_ERROR)
                .writeLong(0);
    }
}
