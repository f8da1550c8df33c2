package dev.culvert.tunnel;

import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.InetNameResolver;
import io.netty.resolver.InetSocketAddressResolver;
import io.netty.util.NetUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;

/**
 * Looks names up as the system does, on a thread of its own each. Netty would ask the system on the event loop, which
 * without a network is held up until the resolver gives up, perhaps for a minute.
 */
final class OffLoopNames extends AddressResolverGroup<InetSocketAddress> {
    /**
     * As long as connecting may take. A thread that is still waiting then ends when the resolver does; who tries again waits
     * as long, so there are only ever a few.
     */
    private static final Duration DEADLINE = Duration.ofSeconds(15);

    static final OffLoopNames SYSTEM = new OffLoopNames(InetAddress::getByName);

    private static final ThreadFactory THREADS = new DefaultThreadFactory("names", true);

    /** Asks the system; blocks. */
    interface Lookup {
        InetAddress address(String name) throws UnknownHostException;
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

    @Override
    protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
        return new InetSocketAddressResolver(executor, new InetNameResolver(executor) {
            @Override
            protected void doResolve(String name, Promise<InetAddress> promise) {
                byte[] literal = NetUtil.createByteArrayFromIpAddressString(name);
                if (literal != null) {
                    complete(name, promise);
                    return;
                }
                executor.schedule(
                        () -> promise.tryFailure(new UnknownHostException(name)),
                        deadline.toMillis(),
                        TimeUnit.MILLISECONDS);
                THREADS.newThread(() -> complete(name, promise)).start();
            }

            @Override
            protected void doResolveAll(String name, Promise<List<InetAddress>> promise) {
                throw new UnsupportedOperationException("all addresses of " + name + ": a link has one");
            }
        });
    }

    private void complete(String name, Promise<InetAddress> promise) {
        try {
            promise.trySuccess(lookup.address(name));
        } catch (UnknownHostException | RuntimeException e) {
            promise.tryFailure(e);
        }
    }
}
