package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.accesslog.AccessLog;
import dev.culvert.gateway.accesslog.AccessRecord;
import dev.culvert.gateway.publish.FlowKey;
import dev.culvert.gateway.publish.Published;
import io.netty.channel.Channel;
import io.netty.util.NetUtil;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One connection to a port or to a name that is passed through, or one sender of datagrams, for the access log. It has no status: what
 * nginx says of a stream is said here. On the event loop that it is on.
 */
final class ConnectionAccess {
    /** It was joined with the target. */
    static final int SERVED = 200;

    /** It is not open to that address. */
    static final int FORBIDDEN = 403;

    /** The target was not reached. */
    static final int UNREACHED = 502;

    /** There are too many. */
    static final int CROWDED = 503;

    private final AccessLog log;
    private final InetSocketAddress from;
    private final String protocol;
    private final String target;
    private final Instant time;
    private final long beginNanos = System.nanoTime();
    private @Nullable FlowKey flow;
    private boolean ended;

    /**
     * @param protocol TCP, TLS or UDP
     * @param target the name or port that it is for
     */
    ConnectionAccess(AccessLog log, InetSocketAddress from, String protocol, String target) {
        this.log = log;
        this.from = from;
        this.protocol = protocol;
        this.target = target;
        this.time = log.clock().instant();
    }

    /** A flow serves it. */
    void servedBy(Channel channel) {
        flow = FlowKey.of(channel);
    }

    /**
     * It has ended. Told once; what is told later is a consequence.
     *
     * @param to for what it was
     */
    void ended(Published to, int status, long bytesIn, long bytesOut, boolean whole) {
        if (ended) {
            return;
        }
        ended = true;
        FlowKey key = flow;
        log.add(new AccessRecord(
                time,
                AddressText.of(from.getAddress()),
                NetUtil.toSocketAddressString(from),
                "",
                null,
                null,
                target,
                protocol,
                status,
                bytesIn,
                bytesOut,
                Duration.ofNanos(System.nanoTime() - beginNanos),
                null,
                whole,
                to.publication().at().toString(),
                to.agent(),
                null,
                null,
                null,
                key == null ? null : key.link(),
                key == null ? null : key.number()));
    }
}
