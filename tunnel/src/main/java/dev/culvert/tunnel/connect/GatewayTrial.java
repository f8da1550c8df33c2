package dev.culvert.tunnel.connect;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.proxy.Proxy;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.UntrustedGatewayException;
import dev.culvert.tunnel.look.Look;
import dev.culvert.tunnel.look.Seen;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Tries one gateway step by step, for people: name, addresses of both families, proxy, clock, TLS, upgrade, round trips. Makes a link, as
 * whoever has the token may, and ends it. Blocks; any thread but an event loop's.
 */
public final class GatewayTrial {
    /** What a step came to. */
    public enum Outcome {
        GOOD,
        BAD,
        /** It plays no part: a family that this machine does not have, while the other serves. */
        OPEN
    }

    /** Told of each step as soon as it is known. */
    public interface Told {
        /**
         * A step is over.
         *
         * @param step in a word or two
         * @param cure empty unless it is {@link Outcome#BAD}
         */
        void step(String step, Outcome outcome, String what, String cure);
    }

    /** For one address. */
    private static final Duration REACH = Duration.ofSeconds(5);

    /** Longer than a link takes, with a second look at what stands in its place. */
    private static final Duration LINK = Duration.ofSeconds(25);

    private static final Duration CLOCK = Duration.ofSeconds(5);

    /** What tokens allow for; a clock that differs by more has them refused. */
    private static final Duration SKEW = Duration.ofSeconds(60);

    private static final int ROUNDS = 10;

    private static final Duration ROUND = Duration.ofSeconds(2);

    private static final Duration BETWEEN = Duration.ofMillis(50);

    private final LinkConnector connector;
    private final byte @Nullable [] pin;
    private final Told told;
    private final Clock clock;

    /** @param pin by which the gateway is known; null for the public web PKI */
    public GatewayTrial(LinkConnector connector, byte @Nullable [] pin, Told told) {
        this(connector, pin, told, Clock.systemUTC());
    }

    GatewayTrial(LinkConnector connector, byte @Nullable [] pin, Told told, Clock clock) {
        this.connector = connector;
        this.pin = pin;
        this.told = told;
        this.clock = clock;
    }

    /** Goes as far as it can. */
    public void run() throws IOException {
        Proxy proxy = connector.proxy();
        if (proxy != null) {
            told.step("proxy", Outcome.GOOD, "the way to " + where() + " is through " + proxy, "");
        }
        EventLoopGroup loops = EventLoops.create(1, "trial");
        try {
            EventLoop loop = loops.next();
            List<InetSocketAddress> addresses = names(loop);
            List<InetSocketAddress> reached = reach(addresses);
            if (!reached.isEmpty()) {
                clock(loop, reached.get(0));
                link(loop);
            }
        } finally {
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
        }
    }

    private String where() {
        return connector.gateway().toString();
    }

    private List<InetSocketAddress> names(EventLoop loop) throws IOException {
        InetSocketAddress dialled = connector.dialled();
        String name = dialled.getHostString();
        long started = System.nanoTime();
        Future<List<InetAddress>> lookup = OffLoopNames.SYSTEM.addresses(name, loop);
        try {
            List<InetAddress> found = lookup.get(LINK.toMillis(), TimeUnit.MILLISECONDS);
            if (IpLiteral.parse(name) == null) {
                told.step(
                        "name",
                        Outcome.GOOD,
                        name + " is "
                                + String.join(
                                        ", ",
                                        found.stream().map(AddressText::of).toList()) + took(started),
                        "");
            }
            return found.stream()
                    .map(address -> new InetSocketAddress(address, dialled.getPort()))
                    .toList();
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UnknownHostException)) {
                throw new IOException(e.getCause());
            }
            told.step(
                    "name",
                    Outcome.BAD,
                    name + " cannot be resolved",
                    "look at the name, and at this machine's resolver: getent hosts " + name + ", /etc/resolv.conf");
            return List.of();
        } catch (TimeoutException | InterruptedException e) {
            throw interrupted(e);
        }
    }

    private static String took(long startedNanos) {
        return " (" + TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startedNanos) + " ms)";
    }

    private static IOException interrupted(Exception e) {
        if (e instanceof InterruptedException) {
            Thread.currentThread().interrupt();
        }
        return new IOException("it was interrupted, or took too long", e);
    }

    /** One after the other: what one of them does is not another's work. */
    private List<InetSocketAddress> reach(List<InetSocketAddress> addresses) {
        List<InetSocketAddress> reached = new ArrayList<>();
        List<Runnable> failures = new ArrayList<>();
        for (InetSocketAddress address : addresses) {
            String family = address.getAddress() instanceof Inet4Address ? "IPv4" : "IPv6";
            String at = AddressText.of(address);
            long started = System.nanoTime();
            try (Socket socket = new Socket()) {
                socket.connect(address, (int) REACH.toMillis());
                reached.add(address);
                told.step(family, Outcome.GOOD, at + " answers" + took(started), "");
            } catch (IOException e) {
                String why = at + ": " + NetworkError.words(e, address.getAddress());
                failures.add(() -> told.step(
                        family,
                        reached.isEmpty() ? Outcome.BAD : Outcome.OPEN,
                        reached.isEmpty() ? why : why + "; another address serves",
                        reached.isEmpty()
                                ? "is the gateway running, its port open in firewalls on the way, and its address the"
                                        + " right one? If this network has a proxy, name it with --proxy"
                                : ""));
            }
        }
        failures.forEach(Runnable::run);
        return reached;
    }

    /** By the gateway's own word, which only one that is the token's is taken by. */
    private void clock(EventLoop loop, InetSocketAddress address) throws IOException {
        Seen seen;
        Instant now;
        try {
            seen = loop.submit(() -> Look.at(
                            loop,
                            address,
                            connector.through(),
                            connector.address().getHostString(),
                            true,
                            CLOCK))
                    .get(CLOCK.toMillis(), TimeUnit.MILLISECONDS)
                    .get(2 * CLOCK.toMillis(), TimeUnit.MILLISECONDS);
            now = clock.instant();
        } catch (ExecutionException | TimeoutException | InterruptedException e) {
            throw interrupted(e);
        }
        Instant theirs = seen.date();
        if (theirs == null || !seen.isOf(pin, theirs)) {
            told.step("clock", Outcome.OPEN, "it says " + now + "; the gateway has not said what it has", "");
            return;
        }
        Duration behind = Duration.between(now, theirs);
        boolean good = behind.abs().compareTo(SKEW) <= 0;
        told.step(
                "clock",
                good ? Outcome.GOOD : Outcome.BAD,
                good ? "it agrees with the gateway's" : "it says " + now + ", and the gateway's " + theirs,
                good ? "" : "set it (timedatectl set-ntp true, or date)");
    }

    private void link(EventLoop loop) throws IOException {
        Ended ended = new Ended();
        Future<Link> made;
        try {
            made = loop.submit((Callable<Future<Link>>)
                            () -> connector.connect(loop, LinkSettings.DEFAULT, new FlowMultiplexer(ended)))
                    .get(LINK.toMillis(), TimeUnit.MILLISECONDS);
            if (!made.await(LINK.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new TimeoutException();
            }
        } catch (ExecutionException | TimeoutException | InterruptedException e) {
            throw interrupted(e);
        }
        if (!made.isSuccess()) {
            refused(made.cause());
            return;
        }
        Link link = made.getNow();
        String group = link.keyExchange();
        boolean tls = "wss".equals(connector.gateway().getScheme());
        told.step(
                "TLS",
                tls ? Outcome.GOOD : Outcome.OPEN,
                tls
                        ? "it is the gateway of the token, by "
                                + (pin == null ? "a certificate that this machine trusts" : "its pin")
                                + (group.isEmpty() ? "" : "; keys by " + group)
                        : "this gateway is reached without",
                "");
        told.step("upgrade", Outcome.GOOD, "the token is taken, the link is of version " + link.version(), "");
        rounds(loop, link);
        loop.execute(() -> link.close(1_000, "done"));
        link.closeFuture().awaitUninterruptibly(ROUND.toMillis());
    }

    private void refused(Throwable why) {
        String what = String.valueOf(why.getMessage());
        if (why instanceof LinkRefusedException) {
            told.step(
                    "upgrade",
                    Outcome.BAD,
                    what,
                    "'token show' says what the token holds; ask who made it for another");
        } else if (why instanceof UntrustedGatewayException) {
            told.step(
                    "TLS",
                    Outcome.BAD,
                    what,
                    "the token was not shown there; 'token show' says which gateways it names");
        } else if (why instanceof ProxyRefusedException) {
            told.step("proxy", Outcome.BAD, what, "ask who looks after the proxy, or try --proxy none");
        } else {
            told.step(
                    "upgrade",
                    Outcome.BAD,
                    what,
                    "what stands between lets no WebSocket through, or it is no gateway: try curl -vk https://"
                            + AddressText.host(connector.gateway()) + "/ and another network");
        }
    }

    private void rounds(EventLoop loop, Link link) throws IOException {
        List<Long> micros = new ArrayList<>();
        int lost = 0;
        try {
            for (int i = 0; i < ROUNDS && !link.isDown(); i++) {
                TimeUnit.MILLISECONDS.sleep(BETWEEN.toMillis());
                long asked = loop.submit(() -> {
                            long now = loop.ticker().nanoTime();
                            link.probe();
                            return now;
                        })
                        .get(ROUND.toMillis(), TimeUnit.MILLISECONDS);
                long until = System.nanoTime() + ROUND.toNanos();
                boolean heard = false;
                while (!heard && System.nanoTime() - until < 0) {
                    TimeUnit.MILLISECONDS.sleep(1);
                    heard = loop.submit(() -> link.hasSpokenSince(asked + 1))
                            .get(ROUND.toMillis(), TimeUnit.MILLISECONDS);
                }
                if (heard) {
                    micros.add(link.rttMicros());
                } else {
                    lost++;
                }
            }
        } catch (ExecutionException | TimeoutException | InterruptedException e) {
            throw interrupted(e);
        }
        if (micros.isEmpty()) {
            told.step(
                    "round trip",
                    Outcome.BAD,
                    "the link came up, and then nothing came over it",
                    "something on the way lets the upgrade through and nothing behind it; try another network");
            return;
        }
        micros.sort(Long::compare);
        told.step(
                "round trip",
                lost == 0 ? Outcome.GOOD : Outcome.BAD,
                String.format(
                        Locale.ROOT,
                        "%.1f ms, %.1f to %.1f; %d of %d answered",
                        micros.get(micros.size() / 2) / 1_000.0,
                        micros.get(0) / 1_000.0,
                        micros.get(micros.size() - 1) / 1_000.0,
                        micros.size(),
                        micros.size() + lost),
                lost == 0
                        ? ""
                        : "packets are lost on the way: look at this machine's network (mtr "
                                + AddressText.host(connector.gateway()) + ")");
    }

    /** Takes nothing. */
    private static final class Ended implements FlowListener {
        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "it is tried out only");
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            // what it came to is told of by rounds
        }
    }
}
