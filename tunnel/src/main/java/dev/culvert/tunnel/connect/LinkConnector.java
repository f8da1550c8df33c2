package dev.culvert.tunnel.connect;

import dev.culvert.address.AddressText;
import dev.culvert.address.proxy.Proxy;
import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.tunnel.dial.AddressRace;
import dev.culvert.tunnel.dial.NetworkError;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.GatewayTrust;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import dev.culvert.tunnel.link.UpgradeRequest;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.proxy.ProxyRefusedException;
import dev.culvert.tunnel.proxy.ProxyTunnel;
import io.netty.bootstrap.Bootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.resolver.NoopAddressResolverGroup;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.PromiseNotifier;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.security.KeyPair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Makes one link to a gateway: looks its name up, or that of the proxy on the way there, and races its addresses ({@link AddressRace}) for one where TCP, TLS for
 * {@code wss}, and the upgrade with the token as bearer ({@link UpgradeRequest}) succeed.
 */
public final class LinkConnector implements Connector {
    /** TCP, TLS and upgrade together, over all addresses. */
    private static final Duration DEADLINE = Duration.ofSeconds(15);

    /** For laying the way to the gateway: a few commands to the kernel. After that it is dialled as things are. */
    public static final Duration WAY_DEADLINE = Duration.ofSeconds(3);

    private static final Dialling NOTHING_BEFORE = new Dialling() {};

    private final URI gateway;
    private final ShownTokens tokens;
    private volatile Taker taker = (offered, showing) -> CompletableFuture.completedFuture(null);
    private final @Nullable KeyPair holderKey;
    private final @Nullable SslContext tls;

    private final OffLoopNames names;
    private final @Nullable ProxyTunnel through;
    private final LinkFailures failures;
    private final SecondLook secondLook;

    /**
     * Where the last link led. It is tried first. A client whose name servers lie behind the tunnel cannot resolve anything
     * while the tunnel is gone; whether it is still the gateway that answers there, TLS shows. With a proxy it is the proxy's.
     */
    private volatile @Nullable InetSocketAddress lastGood;

    /** For a bearer token; see the other constructor. */
    public LinkConnector(URI gateway, byte @Nullable [] pin, String token) throws SSLException {
        this(gateway, pin, token, null);
    }

    /**
     * @param gateway {@code wss://host[:port]} or {@code ws://host[:port]}
     * @param pin see {@link GatewayTrust}
     * @param token the token
     * @param holderKey the Ed25519 key pair that the token is bound to; null for a bearer token
     */
    public LinkConnector(URI gateway, byte @Nullable [] pin, String token, @Nullable KeyPair holderKey)
            throws SSLException {
        this(gateway, pin, token, holderKey, ProxyChoice.DIRECT, OffLoopNames.SYSTEM);
    }

    LinkConnector(
            URI gateway,
            byte @Nullable [] pin,
            String token,
            @Nullable KeyPair holderKey,
            ProxyChoice proxies,
            OffLoopNames names)
            throws SSLException {
        if (AddressText.host(gateway).isEmpty()
                || !("wss".equals(gateway.getScheme()) || "ws".equals(gateway.getScheme()))) {
            throw new IllegalArgumentException("gateway URL " + gateway + " is not of the form wss://host:port");
        }
        this.gateway = gateway;
        this.tokens = new ShownTokens(token);
        this.holderKey = holderKey;
        this.names = names;
        this.tls = "wss".equals(gateway.getScheme()) ? GatewayTrust.clientContext(pin) : null;
        Proxy proxy = proxies.of(gateway);
        this.through = proxy == null ? null : new ProxyTunnel(proxy, hostName(), port());
        this.failures = new LinkFailures(where(), proxy);
        this.secondLook = new SecondLook(hostName(), pin, through);
    }

    /**
     * One for each of the gateways that a token names; see the constructor.
     *
     * @param proxies through which they are reached
     * @throws IllegalArgumentException if what names a proxy cannot be understood
     */
    public static List<LinkConnector> all(
            List<URI> gateways, byte @Nullable [] pin, String token, @Nullable KeyPair holderKey, ProxyChoice proxies)
            throws SSLException {
        List<LinkConnector> list = new ArrayList<>(gateways.size());
        for (URI gateway : gateways) {
            list.add(new LinkConnector(gateway, pin, token, holderKey, proxies, OffLoopNames.SYSTEM));
        }
        return list;
    }

    /** Through which its gateway is reached; null when it is reached directly. */
    public @Nullable Proxy proxy() {
        return through == null ? null : through.proxy();
    }

    /**
     * Shows another token from the next link on. Is it refused, the one before has its turn again, and so on, until one is taken. From any
     * thread.
     */
    public void show(String renewed) {
        tokens.replace(renewed);
    }

    /** Takes what gateways hand over. */
    public interface Taker {
        /**
         * On the link's event loop: see {@link Connector#offered}.
         *
         * @param showing the token that this gateway took last
         */
        CompletionStage<@Nullable String> offered(String token, String showing);
    }

    /**
     * Of a holder whose token may be renewed.
     *
     * @param shown what is shown first, for which the token that they were made with is the other
     * @param taker what is asked when a gateway hands a token over
     */
    public static void renewing(List<LinkConnector> all, String shown, Taker taker) {
        for (LinkConnector one : all) {
            one.taker = taker;
            one.show(shown);
        }
    }

    @Override
    public CompletionStage<@Nullable String> offered(String offer) {
        return taker.offered(offer, tokens.proven());
    }

    @Override
    public boolean hasAnother() {
        return tokens.hasAnother();
    }

    /** The URL that it was made for. */
    @Override
    public URI gateway() {
        return gateway;
    }

    /** Host and port; the name is not resolved yet. */
    public InetSocketAddress address() {
        return InetSocketAddress.createUnresolved(hostName(), port());
    }

    /** Host and port that are dialled: the gateway's, or those of the proxy on the way there; the name is not resolved yet. */
    InetSocketAddress dialled() {
        return InetSocketAddress.createUnresolved(dialledName(), dialledPort());
    }

    @Nullable
    ProxyTunnel through() {
        return through;
    }

    private String dialledName() {
        return through == null ? hostName() : through.proxy().host();
    }

    private int dialledPort() {
        return through == null ? port() : through.proxy().port();
    }

    private String hostName() {
        return AddressText.host(gateway);
    }

    /** A path in the URL is for a proxy that serves the gateway under it. */
    private String path() {
        String path = gateway.getRawPath();
        return path == null || path.isEmpty() || path.equals("/") ? LinkUpgrade.PATH : path;
    }

    private int port() {
        int given = AddressText.port(gateway);
        return given > 0 ? given : tls != null ? 443 : 80;
    }

    private String where() {
        String host = hostName();
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port();
    }

    /** With nothing to be done before; see the other one. */
    public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver) {
        return connect(loop, settings, receiver, NOTHING_BEFORE);
    }

    /**
     * Connects on {@code loop}. The name is resolved anew each time; when that fails, to where the last link led.
     *
     * @param before told of each attempt before it is made
     * @return fails with an exception whose message is one line for people; cancelling it gives the attempt up
     */
    @Override
    public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling before) {
        Promise<Link> promise = loop.newPromise();
        names.addresses(dialledName(), loop).addListener(f -> {
            List<InetSocketAddress> addresses = addresses(f);
            if (promise.isDone()) {
                return; // not wanted any more
            }
            if (addresses.isEmpty()) {
                promise.tryFailure(new ConnectException("cannot resolve the "
                        + (through == null ? "gateway's name " : "name of the proxy, ") + dialledName()));
            } else {
                Attempt attempt = new Attempt(loop, settings, receiver, before);
                afterWayIsLaid(loop, before, addresses, () -> attempt.race(addresses, promise));
            }
        });
        return promise;
    }

    /** What the name resolves to, but where the last link led first. */
    private List<InetSocketAddress> addresses(Future<?> lookup) {
        InetSocketAddress known = lastGood;
        List<InetSocketAddress> list = new ArrayList<>();
        if (lookup.getNow() instanceof List<?> found) {
            for (Object address : found) {
                list.add(new InetSocketAddress((InetAddress) address, dialledPort()));
            }
            if (list.remove(known)) {
                list.add(0, Objects.requireNonNull(known));
            }
        } else if (known != null) {
            list.add(known);
        }
        return list.size() > AddressRace.MAX_ADDRESSES ? list.subList(0, AddressRace.MAX_ADDRESSES) : list;
    }

    private static void afterWayIsLaid(
            EventLoop loop, Dialling before, List<InetSocketAddress> addresses, Runnable then) {
        Promise<Void> laid = loop.newPromise();
        Future<?> tooLate = loop.schedule(() -> laid.trySuccess(null), WAY_DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
        laid.addListener(f -> {
            tooLate.cancel(false);
            then.run();
        });
        before.beforeDial(List.copyOf(addresses)).whenComplete((done, failed) -> laid.trySuccess(null));
    }

    /** One attempt at all addresses. */
    private final class Attempt implements AddressRace.Dial<Link> {
        private final EventLoop loop;
        private final LinkSettings settings;
        private final FrameReceiver receiver;
        private final Dialling before;

        /** The last that answered. */
        private @Nullable InetSocketAddress met;

        Attempt(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling before) {
            this.loop = loop;
            this.settings = settings;
            this.receiver = receiver;
            this.before = before;
        }

        void race(List<InetSocketAddress> addresses, Promise<Link> promise) {
            if (promise.isDone()) {
                return;
            }
            Future<Link> race = AddressRace.run(loop, addresses, DEADLINE, this);
            promise.addListener(f -> race.cancel(false)); // in time if it was cancelled, else in vain
            race.addListener(f -> {
                if (f.isSuccess()) {
                    if (!promise.trySuccess(race.getNow())) {
                        race.getNow().channel().close();
                    }
                } else if (!promise.isDone()) {
                    explain(f.cause(), addresses, promise);
                }
            });
        }

        private void explain(Throwable cause, List<InetSocketAddress> addresses, Promise<Link> promise) {
            InetSocketAddress at = met == null ? addresses.get(0) : met;
            secondLook
                    .words(loop, cause, at, lastGood == null)
                    .addListener((Future<@Nullable String> words) ->
                            promise.tryFailure(failures.explain(cause, addresses, words.getNow())));
        }

        @Override
        public ChannelFuture connect(InetSocketAddress address) {
            return new Bootstrap()
                    .group(loop)
                    .channel(EventLoops.socketChannel())
                    .resolver(NoopAddressResolverGroup.INSTANCE)
                    .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) DEADLINE.toMillis())
                    .option(ChannelOption.TCP_NODELAY, true)
                    .option(ChannelOption.AUTO_READ, false) // what comes waits for who can read it
                    .handler(new ChannelInitializer<SocketChannel>() {
                        @Override
                        protected void initChannel(SocketChannel ch) {
                            if (through != null) {
                                through.install(ch, address);
                            }
                            ch.pipeline().addLast(new Unready());
                            before.socketOpened(ch);
                        }
                    })
                    .connect(through == null ? address : through.target());
        }

        @Override
        public Future<Link> finish(Channel ch) {
            met = (InetSocketAddress) ch.remoteAddress();
            if (through == null) {
                return upgrade(ch);
            }
            Promise<Link> promise = loop.newPromise();
            ProxyTunnel.established(ch).addListener(f -> {
                if (f.isSuccess()) {
                    PromiseNotifier.cascade(upgrade(ch), promise);
                } else {
                    promise.tryFailure(f.cause());
                }
            });
            return promise;
        }

        private Future<Link> upgrade(Channel ch) {
            String shown = tokens.next();
            UpgradeRequest upgrade = new UpgradeRequest(
                    ch.eventLoop().newPromise(),
                    path(),
                    gateway.getRawAuthority(),
                    shown,
                    holderKey,
                    version -> new Link(Link.Role.WEBSOCKET_CLIENT, tls != null, settings, receiver, version));
            upgrade.link().addListener(f -> {
                if (f.isSuccess()) {
                    lastGood = (InetSocketAddress) ch.remoteAddress();
                    tokens.taken(shown);
                } else if (f.cause() instanceof LinkRefusedException refused && refused.isOfToken()) {
                    tokens.refused(shown);
                }
            });
            ch.pipeline().remove(Unready.class);
            SslHandler handler = tls == null ? null : tls.newHandler(ch.alloc(), hostName(), port());
            if (handler != null) {
                handler.setHandshakeTimeout(DEADLINE.toMillis(), TimeUnit.MILLISECONDS);
            }
            upgrade.install(ch, handler);
            ch.config().setAutoRead(true);
            return upgrade.link();
        }

        @Override
        public int weight(Throwable failure) {
            return LinkFailures.weight(failure);
        }

        @Override
        public boolean decides(Throwable failure) {
            return failure instanceof LinkRefusedException refused && refused.isPermanent()
                    || failure instanceof ProxyRefusedException proxy && proxy.isOfLogin()
                    || NetworkError.of(failure) == NetworkError.TOO_MANY_FILES;
        }
    }

    /** Before it is a connection's turn, nothing reads from it, and nobody needs to hear of it. */
    private static final class Unready extends ChannelInboundHandlerAdapter {
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
