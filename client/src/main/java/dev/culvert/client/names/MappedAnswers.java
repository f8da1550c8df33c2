package dev.culvert.client.names;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.address.ReverseZone;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.tunnel.names.DnsMessage;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Addresses of networks that are shown under others become those that are seen here, in what the agents' resolvers answer: A and AAAA
 * records, and the hints of SVCB and HTTPS records (RFC 9460). They are changed where they stand, so no pointer moves and times to live
 * stay. Names of addresses are asked for, and answered, as {@link Renaming} has them.
 *
 * <p>What was changed is not what the zone's owner has signed. The AD bit (RFC 4035 section 3.2.3) is cleared; signatures are left, for
 * who checks them himself shall see that they do not fit, and who does not has no use for them. An answer that cannot be read is given
 * on with what was changed until then: whoever asked makes of it what he would have.
 */
public final class MappedAnswers implements AnswerFilter {
    private static final int FLAGS = 3;
    private static final int AD = 0x20;
    private static final int ANSWERS = 6;
    private static final int AUTHORITY = 8;
    private static final int ADDITIONAL = 10;

    private static final int A = 1;
    private static final int AAAA = 28;
    private static final int SVCB = 64;
    private static final int HTTPS = 65;
    private static final int IN = 1;

    private static final int IPV4_BYTES = 4;
    private static final int IPV6_BYTES = 16;

    /** RFC 9460 section 7.3. */
    private static final int IPV4_HINT = 4;

    private static final int IPV6_HINT = 6;

    /** Type, class, time to live and length, between a record's name and its data. */
    private static final int RECORD_HEADER = 10;

    private static final int POINTER = 0xc0;
    private static final int MAX_LABEL = 63;

    private final Supplier<RouteTable> routes;

    /** @param routes as they are now */
    public MappedAnswers(Supplier<RouteTable> routes) {
        this.routes = routes;
    }

    /** Names of shown addresses are those of the network's own. */
    @Override
    public @Nullable String domainThere(String agent, String domain) {
        IpPrefix prefix = routes.get().hasMaps(agent) ? ReverseZone.prefix(domain) : null;
        if (prefix == null) {
            return null;
        }
        RouteTable.Way way = routes.get().wayTo(prefix.network());
        PrefixMap map = way == null || !way.agent().equals(agent) ? null : way.map();
        return map == null || !map.shown().covers(prefix)
                ? null
                : ReverseZone.of(map.toReal(prefix)).get(0);
    }

    @Override
    public ByteBuf answered(String agent, DnsMessage question, ByteBuf answer) {
        RouteTable table = routes.get();
        if (table.hasMaps(agent) && new Message(answer, agent, table).show(question.questionEnd())) {
            int flags = answer.readerIndex() + FLAGS;
            answer.setByte(flags, answer.getByte(flags) & ~AD);
        }
        return answer;
    }

    /** One answer; what is not there is looked for nowhere else. */
    private record Message(ByteBuf in, String agent, RouteTable routes) {
        /**
         * @param questionEnd where the records begin, in bytes from the message's beginning
         * @return whether anything was changed
         */
        boolean show(int questionEnd) {
            int start = in.readerIndex();
            int records = in.getUnsignedShort(start + ANSWERS)
                    + in.getUnsignedShort(start + AUTHORITY)
                    + in.getUnsignedShort(start + ADDITIONAL);
            boolean changed = false;
            int at = start + questionEnd;
            for (int i = 0; i < records; i++) {
                at = behindName(at);
                if (at < 0 || at + RECORD_HEADER > in.writerIndex()) {
                    break;
                }
                int type = in.getUnsignedShort(at);
                boolean internet = in.getUnsignedShort(at + 2) == IN;
                int data = at + RECORD_HEADER;
                int end = data + in.getUnsignedShort(at + 8);
                if (end > in.writerIndex()) {
                    break;
                }
                if (internet && (type == A && end - data == IPV4_BYTES || type == AAAA && end - data == IPV6_BYTES)) {
                    changed |= show(data, end - data);
                } else if (internet && (type == SVCB || type == HTTPS)) {
                    changed |= hints(data, end);
                }
                at = end;
            }
            return changed;
        }

        private boolean show(int at, int bytes) {
            byte[] own = new byte[bytes];
            in.getBytes(at, own);
            InetAddress real = IpLiteral.fromBytes(own);
            // Of 4 bytes if they were IPv4-mapped, which no record of IPv6 means.
            PrefixMap map = real.getAddress().length == bytes ? routes.mapOf(agent, real) : null;
            if (map == null) {
                return false;
            }
            in.setBytes(at, map.toShown(real).getAddress());
            return true;
        }

        /** RFC 9460 section 2.2: priority, a name, and parameters, each with its key and length. */
        private boolean hints(int data, int end) {
            boolean changed = false;
            int at = behindName(data + 2);
            while (at >= 0 && at + 4 <= end) {
                int key = in.getUnsignedShort(at);
                int value = at + 4;
                at = value + in.getUnsignedShort(at + 2);
                int bytes = key == IPV4_HINT ? IPV4_BYTES : key == IPV6_HINT ? IPV6_BYTES : 0;
                for (int hint = value; bytes > 0 && at <= end && hint + bytes <= at; hint += bytes) {
                    changed |= show(hint, bytes);
                }
            }
            return changed;
        }

        /** @return -1 for one that does not end */
        private int behindName(int from) {
            int at = from;
            while (at < in.writerIndex()) {
                int length = in.getUnsignedByte(at);
                if (length >= POINTER) {
                    return at + 2;
                }
                if (length > MAX_LABEL) {
                    return -1;
                }
                at += 1 + length;
                if (length == 0) {
                    return at;
                }
            }
            return -1;
        }
    }
}
