package dev.culvert.gateway;

import dev.culvert.address.AddressText;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.Enrolments;
import dev.culvert.token.Revocations;
import dev.culvert.token.StateDirectory;
import dev.culvert.token.TokenVerifier;
import dev.culvert.token.TrustFiles;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.LinkSettings;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running gateway. */
public final class Gateway implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Gateway.class);

    /** Upgrades whose token waits to be verified: ten thousand agents come back within seconds after a restart. */
    private static final int MAX_VERIFYING = 16_384;

    private static final int BACKLOG = 4096;

    /**
     * For so many event loops of links there is one for what is no link yet: a handshake and an upgrade take it about a
     * millisecond, so one lets ten thousand agents in within ten seconds, and a flood of them has one thread's share of the
     * machine.
     */
    private static final int LINK_LOOPS_PER_STRANGERS = 8;

    /** What peers are told in DRAIN and Close. */
    private static final String GOING = "the gateway is shutting down";

    /** How long flows may end in peace after DRAIN: a request that is under way. */
    private static final Duration DRAIN = Duration.ofSeconds(1);

    private static final Duration DRAIN_POLL = Duration.ofMillis(20);

    /** How long connections may take to close; with DRAIN and the loops' end less than five seconds. */
    private static final long CLOSE_MILLIS = 1_200;

    private final EventLoopGroup loops;
    private final EventLoopGroup strangerLoops;
    private final ThreadPoolExecutor verifying;
    private final FileWatch files = new FileWatch();
    private final LinkRegistry registry;
    private final AuditLog audit;
    private final PolicyKeeper policy;
    private final Channel listener;
    private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
    private final Strangers strangers;
    private final MemoryGuard memory;
    private final @Nullable CertificateKeeper certificate;

    /**
     * Starts listening.
     *
     * @param state keys and certificates
     * @param listen address and port; port 0 for any
     * @param secure TLS ({@code wss}), or plain {@code ws} behind a proxy that ends TLS
     * @param names host names and addresses for the certificate
     * @param threads event loops of links; those of strangers come on top
     * @param audit what happens is told here; the gateway closes it
     * @param policyFile policy beside the tokens' grants; null for {@code policy.yaml} in the state directory, should there be
     *     one
     * @throws IOException with one line for people
     */
    public Gateway(
            StateDirectory state,
            InetSocketAddress listen,
            boolean secure,
            Collection<String> names,
            int threads,
            LinkSettings settings,
            AuditLog audit,
            @Nullable Path policyFile)
            throws IOException {
        this.audit = audit;
        strangers = new Strangers(System::nanoTime, !secure);
        Revocations revocations = state.revocations();
        TrustFiles trust = state.trust();
        OwnAddresses own = new OwnAddresses(OwnAddresses::ofInterfaces, System::nanoTime);
        registry = new LinkRegistry(SensitiveAddresses.with(own.known()), revocations::isRevoked, audit);
        memory = new MemoryGuard(strangers, registry);
        Authenticator authenticator = new Authenticator(
                new TokenVerifier(trust::current, Clock.systemUTC()),
                revocations,
                Enrolments.open(state.path(), Clock.systemUTC()),
                audit,
                Clock.systemUTC());
        policy = new PolicyKeeper(
                policyFile != null ? policyFile : state.path().resolve(PolicyFile.NAME), registry, Clock.systemUTC());
        try {
            policy.start(policyFile != null);
        } catch (IOException | RuntimeException e) {
            policy.close();
            audit.close();
            throw e;
        }
        loops = EventLoops.create(threads, "gateway");
        strangerLoops = EventLoops.create(1 + (threads - 1) / LINK_LOOPS_PER_STRANGERS, "gateway-strangers");
        verifying = new ThreadPoolExecutor(
                1,
                1,
                0,
                TimeUnit.SECONDS,
                new ArrayBlockingQueue<>(MAX_VERIFYING),
                new DefaultThreadFactory("gateway-tokens", true));
        try {
            CertificateKeeper keeper =
                    secure ? new CertificateKeeper(state, names, Clock.systemUTC(), System::nanoTime) : null;
            certificate = keeper;
            // Behind a proxy all connections come from its address: nobody could be told apart.
            AttemptLimiter limiter = secure ? new AttemptLimiter(System::nanoTime) : null;
            LinkGate.Shared shared = new LinkGate.Shared(authenticator, limiter, verifying, registry, loops, settings);
            GatewayChannel initializer = new GatewayChannel(keeper == null ? null : keeper::served, shared, strangers);
            listener = new ServerBootstrap()
                    .group(strangerLoops)
                    .channel(EventLoops.serverSocketChannel())
                    .option(ChannelOption.SO_BACKLOG, BACKLOG)
                    .option(ChannelOption.SO_REUSEADDR, true)
                    .childHandler(new io.netty.channel.ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel ch) {
                            connections.add(ch);
                            ch.pipeline().addLast(initializer);
                        }
                    })
                    .bind(listen)
                    .sync()
                    .channel();
            LinkCutter cutter = new LinkCutter(revocations, registry, audit);
            files.add(revocations::refresh, cutter::cutRevoked);
            files.add(trust::refresh, () -> cutter.cutRetired(trust.current()));
            files.add(
                    () -> {
                        registry.lines.tell(System.nanoTime());
                        return false;
                    },
                    () -> {});
            files.add(own, () -> policy.ownAddresses(SensitiveAddresses.with(own.known())));
            policy.watch();
            memory.start();
            if (keeper != null) {
                keeper.start();
            }
            audit.add(new AuditRecord.Gateway(
                    audit.clock().instant(), true, Gateway.class.getPackage().getImplementationVersion()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            closeLoops();
            throw new IOException("interrupted while starting", e);
        } catch (Exception e) {
            closeLoops();
            if (e instanceof IOException && !(e instanceof java.net.BindException) && !isNative(e)) {
                throw (IOException) e;
            }
            throw new IOException(bindError(listen, e), e);
        }
    }

    private static boolean isNative(Exception e) {
        return e instanceof io.netty.channel.unix.Errors.NativeIoException;
    }

    private static String bindError(InetSocketAddress listen, Exception e) {
        String text = String.valueOf(e.getMessage());
        String where = AddressText.of(listen);
        if (text.contains("ermission denied")) {
            return "cannot listen on " + where
                    + ": permission denied; ports below 1024 need root or CAP_NET_BIND_SERVICE, or use --listen :8443";
        }
        if (text.contains("ddress already in use")) {
            return "cannot listen on " + where
                    + ": another program does; stop it, or choose another port with --listen";
        }
        return "cannot listen on " + where + ": " + text;
    }

    /** Addresses of this machine's interfaces, loopback and link-local ones left out. */
    static List<InetAddress> ownAddresses() {
        List<InetAddress> own = OwnAddresses.ofInterfaces();
        return own == null ? List.of() : own;
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return (InetSocketAddress) listener.localAddress();
    }

    /** Reads the policy file again, whether it has changed or not. From any thread. */
    public void reloadPolicy() {
        policy.reloadSoon();
    }

    Strangers strangers() {
        return strangers;
    }

    /** Where connections are that are no links yet. */
    EventLoopGroup strangerLoops() {
        return strangerLoops;
    }

    LinkRegistry registry() {
        return registry;
    }

    /**
     * Closes the port, tells every peer to go elsewhere, lets flows end for a moment, then closes every connection. Takes
     * less than five seconds. From any thread but a loop's.
     */
    @Override
    public void close() {
        listener.close().awaitUninterruptibly();
        List<SwitchedLink> links = registry.links();
        ChannelGroup linked = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
        for (SwitchedLink link : links) {
            linked.add(link.link().channel());
            link.run(() -> link.link().drain(GOING));
        }
        long end = System.nanoTime() + DRAIN.toNanos();
        while (System.nanoTime() - end < 0 && links.stream().anyMatch(l -> l.flowCount > 0)) {
            LockSupport.parkNanos(DRAIN_POLL.toNanos());
        }
        for (SwitchedLink link : links) {
            link.run(() -> link.link().close(1001, GOING));
        }
        // A peer answers the Close and the connection ends; Link closes it after a second when not.
        linked.newCloseFuture().awaitUninterruptibly(CLOSE_MILLIS);
        connections.close().awaitUninterruptibly(CLOSE_MILLIS);
        end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(CLOSE_MILLIS);
        while (System.nanoTime() - end < 0 && registry.linkCount() > 0) { // their flows still end, and are written down
            LockSupport.parkNanos(DRAIN_POLL.toNanos());
        }
        log.info("closed; {}", registry.counters);
        audit.add(new AuditRecord.Gateway(
                audit.clock().instant(), false, Gateway.class.getPackage().getImplementationVersion()));
        closeLoops();
    }

    private void closeLoops() {
        policy.close();
        memory.close();
        if (certificate != null) {
            certificate.close();
        }
        // Nobody is interrupted here: it would close files that are being written, and be told as an error of theirs.
        verifying.getQueue().clear();
        verifying.shutdown();
        files.close();
        audit.close();
        strangerLoops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(1, TimeUnit.SECONDS);
    }
}
