package dev.culvert.tunnel.connect;

import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.UntrustedGatewayException;
import dev.culvert.tunnel.link.UnusableGatewayException;
import dev.culvert.tunnel.look.Interference;
import dev.culvert.tunnel.look.Look;
import dev.culvert.tunnel.look.Seen;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import dev.culvert.tunnel.proxy.ProxyTunnel;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** When an attempt at a gateway has failed for a reason that says little, looks at what is there instead, and names it. Event loop. */
final class SecondLook {
    /** Of two looks at once. Who waits for the attempt waits so much longer, if nothing answers at all. */
    static final Duration DEADLINE = Duration.ofSeconds(3);

    /** A gateway that is away is not asked at a port where it does not listen with each attempt. */
    private static final Duration BETWEEN = Duration.ofSeconds(30);

    private static final int HTTP = 80;

    private final Interference interference;
    private final @Nullable ProxyTunnel through;
    private final int plainPort;
    private final Clock clock;
    private boolean looked;
    private long lastNanos;

    /** What was found last, beside an attempt that did not wait for it. */
    private @Nullable String found;

    /**
     * @param host the gateway's name or address
     * @param through the proxy on the way; null without
     */
    SecondLook(String host, byte @Nullable [] pin, @Nullable ProxyTunnel through) {
        this(host, pin, through, HTTP, Clock.systemUTC());
    }

    SecondLook(String host, byte @Nullable [] pin, @Nullable ProxyTunnel through, int plainPort, Clock clock) {
        this.interference = new Interference(host, pin);
        this.through = through;
        this.plainPort = plainPort;
        this.clock = clock;
    }

    /**
     * Looks, if that may help.
     *
     * @param failure of the attempt
     * @param address that was dialled
     * @param patient whether who waits for the attempt has the time; else what is found out is said with the next one
     * @return what stands in the way, in words for people; null when nothing more is known. Never fails
     */
    Future<@Nullable String> words(EventLoop loop, Throwable failure, InetSocketAddress address, boolean patient) {
        if (failure instanceof UntrustedGatewayException) {
            return look(loop, address, true);
        }
        if (through != null || !mayBePortal(failure)) {
            return loop.newSucceededFuture(null);
        }
        long now = loop.ticker().nanoTime();
        if (!looked || now - lastNanos >= BETWEEN.toNanos()) {
            looked = true;
            lastNanos = now;
            Future<@Nullable String> looking = look(loop, address, false);
            looking.addListener(f -> found = looking.getNow());
            if (patient) {
                return looking;
            }
        }
        return loop.newSucceededFuture(found);
    }

    private Future<@Nullable String> look(EventLoop loop, InetSocketAddress address, boolean withTls) {
        Promise<@Nullable String> words = loop.newPromise();
        Future<Seen> tls = withTls
                ? Look.at(loop, address, through, interference.host(), true, DEADLINE)
                : loop.newSucceededFuture(Seen.NOTHING);
        // Behind a proxy nobody answers in another's place at port 80 but the proxy itself.
        Future<Seen> plain = through == null
                ? Look.at(
                        loop,
                        new InetSocketAddress(address.getAddress(), plainPort),
                        null,
                        interference.host(),
                        false,
                        DEADLINE)
                : loop.newSucceededFuture(Seen.NOTHING);
        tls.addListener(f -> plain.addListener(
                g -> words.trySuccess(interference.words(tls.getNow(), plain.getNow(), clock.instant()))));
        return words;
    }

    private static boolean mayBePortal(Throwable failure) {
        if (failure instanceof LinkRefusedException || failure instanceof ProxyRefusedException) {
            return false; // it has said who it is
        }
        if (failure instanceof UnusableGatewayException) {
            return true;
        }
        return switch (NetworkError.of(failure)) {
            case CONNECTION_REFUSED, RESET, TIMED_OUT -> true;
            default -> false;
        };
    }
}
