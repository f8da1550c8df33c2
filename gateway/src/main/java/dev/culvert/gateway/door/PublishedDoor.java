package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.accesslog.AccessLog;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.instance.Connecting;
import dev.culvert.gateway.instance.Instances;
import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.publish.PublicPort;
import dev.culvert.gateway.publish.PublicationTable;
import dev.culvert.gateway.publish.PublicationTable.NameUse;
import dev.culvert.gateway.publish.PublicationUsage;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.publish.Visit;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.HttpFront;
import dev.culvert.gateway.web.Site;
import dev.culvert.gateway.web.Sites;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.Relay;
import dev.culvert.tunnel.frame.Destination;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import io.netty.util.concurrent.Future;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connections to published names and ports. Until TLS has let them in they are strangers like any others; then they count against what
 * is published, and move to an event loop of links. From any thread, but for what says otherwise.
 */
public final class PublishedDoor {
    private static final Logger log = LoggerFactory.getLogger(PublishedDoor.class);

    /** As long as for HTTP: an agent's link may be back by then. */
    private static final long CONNECT_SECONDS = 30;

    private final Supplier<PublicationTable> published;
    private final PublishedFlows flows;
    private final Instances instances;
    private final PublishedSites sites;
    private final PasswordChecks passwords;
    private final CertificateSource certificates;
    private final Challenges challenges;
    private final OwnNames own;
    private final ProxiesInFront proxies;
    private final EventLoopGroup loops;
    private final Visitors visitors;
    private final SenderPlaces senders = new SenderPlaces();
    private final @Nullable AccessLog access;
    private final @Nullable WebAccess webAccess;
    private final ExchangeCounts exchanges = new ExchangeCounts();
    private final CertificateTls tls = new CertificateTls();

    /**
     * @param published what is published now
     * @param sites the same for HTTP
     * @param visitors who counts
     * @param passwords where those that visitors say are looked at
     * @param own what the gateway is called, which nothing is published under
     * @param proxies who say for whom they ask
     * @param loops event loops of links
     * @param access who is told of visitors; null for nobody
     */
    public PublishedDoor(
            Supplier<PublicationTable> published,
            PublishedFlows flows,
            Instances instances,
            PublishedSites sites,
            Visitors visitors,
            PasswordChecks passwords,
            CertificateSource certificates,
            Challenges challenges,
            OwnNames own,
            ProxiesInFront proxies,
            EventLoopGroup loops,
            @Nullable AccessLog access) {
        this.published = published;
        this.flows = flows;
        this.instances = instances;
        this.sites = sites;
        this.visitors = visitors;
        this.passwords = passwords;
        this.certificates = certificates;
        this.challenges = challenges;
        this.own = own;
        this.proxies = proxies;
        this.loops = loops;
        this.access = access;
        this.webAccess = access == null ? null : new WebAccess(access);
    }

    /**
     * Sets TLS up for a few of the certificates that have come: called again and again, not on an event loop.
     *
     * @param names that are published, also wildcards
     */
    public void prepare(Collection<String> names) {
        tls.prepare(names, certificates);
    }

    /**
     * Takes a connection whose ClientHello has been read, if its name is published; else it is the gateway's own. On its event loop.
     *
     * @param choice what has read it; it is taken out of the pipeline
     * @param stranger who is one until the connection counts against what is published
     * @return whether it was taken
     */
    boolean takes(
            ChannelHandlerContext choice,
            @Nullable String name,
            boolean challenge,
            Strangers.Stranger stranger,
            long handshakeMillis) {
        if (name == null) {
            return false;
        }
        if (challenge) {
            Certificate shown = challenges.tlsAlpn(name);
            if (shown != null) {
                secure(choice, tls.of(shown, List.of(Challenges.TLS_PROTOCOL)), handshakeMillis, new Shown());
                return true;
            }
        }
        NameUse use = published.get().use(name);
        if (use == NameUse.UNKNOWN) {
            return false;
        }
        if (use == NameUse.PASSED_THROUGH) {
            PublicationTable now = published.get();
            Published to = now.passedThrough(name);
            PublicationUsage usage = to == null ? null : now.usage(to);
            Held held = new Held();
            choice.pipeline().addLast(held);
            choice.pipeline().remove(choice.handler());
            ConnectionAccess seen = seen(choice.channel(), "TLS", name);
            if (usage == null
                    || !admits(choice.channel(), usage)
                    || !visitors.enter(choice.channel(), now.placeOf(name))) {
                turnedAway(choice.channel(), usage, seen);
                Relay.reset(choice.channel());
                return true;
            }
            stranger.leave();
            held.move(
                    choice.channel(),
                    loops.next(),
                    () -> passThrough(
                            choice.channel(),
                            () -> published.get().passedThrough(name),
                            Published::destination,
                            name,
                            held,
                            seen));
            return true;
        }
        Certificate certificate = certificates.find(name);
        SslContext context = certificate == null ? null : tls.http(certificate);
        if (certificate == null || context == null) {
            // RFC 8446 section 6.2; another certificate would be a wrong one.
            TlsAlert.unrecognizedName(choice);
            return true;
        }
        secure(choice, context, handshakeMillis, new Welcomed(name, certificate, stranger));
        return true;
    }

    private static void secure(
            ChannelHandlerContext choice,
            @Nullable SslContext context,
            long handshakeMillis,
            ChannelInboundHandlerAdapter then) {
        if (context == null) {
            choice.close();
            return;
        }
        SslHandler tls = context.newHandler(choice.alloc());
        tls.setHandshakeTimeout(handshakeMillis, TimeUnit.MILLISECONDS);
        choice.pipeline().addLast(tls, then);
        choice.pipeline().remove(choice.handler());
    }

    /**
     * What serves port 80.
     *
     * @param httpsPort where browsers are sent
     */
    PlainPort inTheClear(int httpsPort, Arrivals arrivals, StrangerTurns.Loops turns) {
        return new PlainPort(
                new PlainSites(sites.inTheClear(httpsPort), certificates, challenges),
                arrivals,
                passwords,
                turns,
                webAccess);
    }

    /** Whether the publication's own options let a connection in, which then counts against it. */
    private static boolean admits(Channel channel, PublicationUsage usage) {
        Visitor visitor = Visitor.of(channel);
        Visit visit = usage.admit(visitor.address(), () -> Relay.reset(channel));
        if (visit == null) {
            log.debug("{} is not let in to {}", AddressText.of(visitor.from()), usage.published());
            return false;
        }
        channel.closeFuture().addListener(closed -> visit.leave());
        return true;
    }

    /**
     * Joins a connection with a flow to a target. On the event loop that it is on now.
     *
     * @param where gives what is published there now; null when nothing is
     * @param name that TLS asks for; null when it is not known
     * @param seen for the access log; null for none
     */
    private void passThrough(
            Channel channel,
            Supplier<@Nullable Published> where,
            Function<Published, Destination> destination,
            @Nullable String name,
            Held held,
            @Nullable ConnectionAccess seen) {
        Published to = where.get();
        if (to == null) {
            Relay.reset(channel);
            return;
        }
        Visitor visitor = Visitor.of(channel);
        InetSocketAddress from = visitor.from();
        EventLoop loop = channel.eventLoop();
        Future<LinkFlow> asked = Connecting.begin(
                instances, loop, to, answerer -> flows.connect(loop, to, answerer, destination.apply(to), from));
        Future<?> deadline = loop.schedule(() -> asked.cancel(false), CONNECT_SECONDS, TimeUnit.SECONDS);
        // Who has gone counts nowhere any more, and leaves no flow behind that is being opened.
        channel.closeFuture().addListener(closed -> asked.cancel(false));
        asked.addListener(connected -> {
            deadline.cancel(false);
            if (PublishedFlows.isWithdrawn(connected.cause()) && !to.equals(where.get()) && channel.isActive()) {
                passThrough(channel, where, destination, name, held, seen); // it leads elsewhere since
                return;
            }
            if (!connected.isSuccess()) {
                log.debug(
                        "{} for {}: {}",
                        AddressText.of(from),
                        to,
                        connected.cause().getMessage());
                if (seen != null) {
                    seen.ended(to, ConnectionAccess.UNREACHED, 0, 0, false);
                }
                Relay.reset(channel);
                return;
            }
            LinkFlow flow = (LinkFlow) connected.getNow();
            visitors.opened(flow, to.place());
            if (seen != null) {
                seen.servedBy(flow);
            }
            if (!channel.isActive()) {
                if (seen != null) {
                    seen.ended(to, ConnectionAccess.SERVED, 0, 0, false);
                }
                flow.close();
                return;
            }
            channel.config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
            prepare(channel);
            int version = to.publication().options().proxyProtocol();
            if (version > 0) {
                flow.writeAndFlush(new ProxyHeader(version, visitor, name, null).encode(), flow.voidPromise());
            }
            Relay.join(channel, flow, (up, down, cause) -> {
                if (seen != null) {
                    seen.ended(to, ConnectionAccess.SERVED, up, down, cause == null);
                }
            });
            held.passOn(channel);
        });
    }

    /** Takes a connection to a published port, which is not read yet. On its event loop, which is one of links. */
    void accept(Channel channel, PublicPort port) {
        PublicationTable now = published.get();
        Published there = now.port(port.transport(), port.port());
        PublicationUsage usage = there == null ? null : now.usage(there);
        ConnectionAccess seen = seen(channel, "TCP", port.toString());
        if (usage != null && admits(channel, usage) && visitors.enter(channel, port.toString())) {
            Held held = new Held(); // reads nothing, but hears of a reset
            channel.pipeline().addLast(held);
            passThrough(
                    channel,
                    () -> published.get().port(port.transport(), port.port()),
                    to -> to.destinationOf(port.port()),
                    null,
                    held,
                    seen);
        } else {
            turnedAway(channel, usage, seen);
            Relay.reset(channel);
        }
    }

    private @Nullable ConnectionAccess seen(Channel channel, String protocol, String target) {
        return access == null
                ? null
                : new ConnectionAccess(access, Visitor.of(channel).from(), protocol, target);
    }

    private static void turnedAway(Channel channel, @Nullable PublicationUsage usage, @Nullable ConnectionAccess seen) {
        if (seen != null && usage != null) {
            boolean open = usage.allows(Visitor.of(channel).address());
            seen.ended(usage.published(), open ? ConnectionAccess.CROWDED : ConnectionAccess.FORBIDDEN, 0, 0, false);
        }
    }

    /** What serves a published port of UDP. */
    PublishedDatagrams datagrams(PublishedDatagrams.Target target, int port) {
        return new PublishedDatagrams(target, port, flows, visitors, senders, access);
    }

    /** What was meant for a stranger's reads is not for these. */
    private static void prepare(Channel channel) {
        channel.config().setRecvByteBufAllocator(new AdaptiveRecvByteBufAllocator());
    }

    /** Of another name than its certificate's the browser has seen no proof that this is it (RFC 9110 section 7.4). */
    private Sites sitesOn(Certificate certificate, Caller caller) {
        return new Sites() {
            @Override
            public @Nullable Site find(String host, String path) {
                return certificate.isFor(host) ? sites.find(host, path, caller) : null;
            }

            @Override
            public boolean isElsewhere(String host) {
                NameUse use = published.get().use(host);
                return own.has(host) || use == NameUse.PASSED_THROUGH || use == NameUse.WEB && !certificate.isFor(host);
            }
        };
    }

    /** Waits for the handshake; then the connection is one of what is published. */
    private final class Welcomed extends ChannelInboundHandlerAdapter {
        private final String name;
        private final Certificate certificate;
        private final Strangers.Stranger stranger;

        Welcomed(String name, Certificate certificate, Strangers.Stranger stranger) {
            this.name = name;
            this.certificate = certificate;
            this.stranger = stranger;
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (!(event instanceof SslHandshakeCompletionEvent done)) {
                ctx.fireUserEventTriggered(event);
                return;
            }
            Channel channel = ctx.channel();
            Held held = new Held();
            ctx.pipeline().replace(this, null, held);
            if (!done.isSuccess() || !visitors.enter(channel, published.get().placeOf(name))) {
                ctx.close();
                return;
            }
            stranger.leave();
            held.move(channel, loops.next(), () -> {
                prepare(channel);
                SslHandler handler = channel.pipeline().get(SslHandler.class);
                String protocol = handler == null ? null : handler.applicationProtocol();
                Caller caller = new Caller(Visitor.of(channel), name, handler);
                HttpFront.install(
                        channel.pipeline(),
                        new WebVisit(sitesOn(certificate, caller), channel, passwords, exchanges, webAccess),
                        new Browser(caller.visitor().address(), true, proxies.trusted()),
                        protocol == null ? ApplicationProtocolNames.HTTP_1_1 : protocol);
                held.passOn(channel);
            });
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            log.debug("{} for {}: {}", AddressText.of(Visitor.of(ctx.channel()).from()), name, cause.toString());
            ctx.close();
        }
    }

    /** The authority has seen the certificate in the handshake (RFC 8737 section 3): there is nothing more to say. */
    private static final class Shown extends ChannelInboundHandlerAdapter {
        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof SslHandshakeCompletionEvent) {
                ctx.close();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }
}
