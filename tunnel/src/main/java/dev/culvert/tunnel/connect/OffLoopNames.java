package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.dial.AddressRace;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.Security;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * Looks names up as the system does, on a thread of its own each. Netty would ask the system on the event loop, which
 * without a network is held up until the resolver gives up, perhaps for a minute.
 */
final class OffLoopNames {
    /**
     * As long as connecting may take. A thread that is still waiting then ends when the resolver does; who tries again waits
     * as long, so there are only ever a few.
     */
    private static final Duration DEADLINE = Duration.ofSeconds(15);

    /**
     * How long Java may answer by itself. By default it keeps an address for 30 s, and that there is none for 10 s: a gateway
     * that has moved, or a network that is back, would be found so much later. Whoever caches for the system knows how long.
     */
    private static final String CACHED_SECONDS = "1";

    static {
        // Read by Java at its first look-up of a name, and no program of ours makes one before this.
        Security.setProperty("networkaddress.cache.ttl", CACHED_SECONDS);
        Security.setProperty("networkaddress.cache.negative.ttl", CACHED_SECONDS);
    }

    static final OffLoopNames SYSTEM = new OffLoopNames(InetAddress::getAllByName);

    private static final ThreadFactory THREADS = new DefaultThreadFactory("names", true);

    /** Asks the system; blocks. */
    interface Lookup {
        InetAddress[] addresses(String name) throws UnknownHostException;
    }

    private final Lookup lookup;
    private final Duration deadline;

    OffLoopNames(Lookup lookup) {
        this(lookup, DEADLINE);
    }

    OffLoopNames(Lookup lookup, Duration deadline) {
        this.lookup = lookup;
        this.deadline = deadline;
    }

    /** All addresses of a name, or the one that it writes; the families in turn. Fails with an {@link UnknownHostException}. */
    Future<List<InetAddress>> addresses(String name, EventExecutor executor) {
        Promise<List<InetAddress>> promise = executor.newPromise();
        if (NetUtil.createByteArrayFromIpAddressString(name) != null) {
            look(name, promise);
            return promise;
        }
        Future<?> tooLate = executor.schedule(
                () -> promise.tryFailure(new UnknownHostException(name)), deadline.toMillis(), TimeUnit.MILLISECONDS);
        promise.addListener(f -> tooLate.cancel(false));
        THREADS.newThread(() -> look(name, promise)).start();
        return promise;
    }

    private void look(String name, Promise<List<InetAddress>> promise) {
        try {
            promise.trySuccess(AddressRace.interleave(List.of(lookup.addresses(name))));
        } catch (UnknownHostException e) {
            promise.tryFailure(e);
        } catch (RuntimeException e) { // a name that the platform's resolver cannot even take
            UnknownHostException unknown = new UnknownHostException(name);
            unknown.initCause(e);
            promise.tryFailure(unknown);
        }
    }
}
