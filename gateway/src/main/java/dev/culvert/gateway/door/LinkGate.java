package dev.culvert.gateway.door;

import dev.culvert.address.AddressText;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.Links;
import dev.culvert.token.Token;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkProof;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.ssl.SslHandler;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where an upgrade on one connection becomes a link, or does not. The reason for a refusal is told only to the bearer of a
 * token that this gateway's keys have signed; a stranger meets an ordinary web server. On the connection's event loop.
 */
final class LinkGate {
    private static final Logger log = LoggerFactory.getLogger(LinkGate.class);

    /** After 429, in seconds: when a few of the wrong tokens are forgiven. */
    private static final String RETRY_AFTER = "10";

    /**
     * What every connection of one listener shares.
     *
     * @param limiter null behind a proxy, whose address all connections come from
     * @param verifying a thread that may block
     * @param loops event loops of links, which no stranger has a turn on
     */
    record Shared(
            Authenticator authenticator,
            @Nullable AttemptLimiter limiter,
            Executor verifying,
            Services services,
            Links links,
            Fabric fabric,
            ReadShares readShares,
            EventLoopGroup loops,
            LinkSettings settings) {}

    private final Shared shared;
    private final HttpAnswers answers;
    private final RequestReader reader;
    private final ChannelHandler edge;
    private final ChannelHandler[] httpHandlers;
    private boolean busy;
    private boolean challenged;
    private boolean unproven;

    /** @param edge the last handler; it and {@code httpHandlers} are taken out when the channel becomes a link */
    LinkGate(
            Shared shared,
            HttpAnswers answers,
            RequestReader reader,
            ChannelHandler edge,
            ChannelHandler... httpHandlers) {
        this.shared = shared;
        this.answers = answers;
        this.reader = reader;
        this.edge = edge;
        this.httpHandlers = httpHandlers;
    }

    /** A token is being looked at: nothing may come before the answer. */
    boolean isBusy() {
        return busy;
    }

    /** Takes an upgrade. */
    void upgrade(ChannelHandlerContext ctx, HttpRequest request, String bearer) {
        Channel channel = ctx.channel();
        InetSocketAddress remote = Visitor.of(channel).from();
        if (shared.limiter != null && !shared.limiter.admits(remote.getAddress(), bearer)) {
            shared.services.counters().refusedTokens.increment();
            answers.status(
                    ctx, request, HttpResponseStatus.TOO_MANY_REQUESTS, true, HttpHeaderNames.RETRY_AFTER, RETRY_AFTER);
            return;
        }
        busy = true;
        try {
            shared.verifying.execute(() -> judge(new Attempt(ctx, request, bearer, remote)));
        } catch (RejectedExecutionException e) {
            answers.line(
                    ctx, request, HttpResponseStatus.SERVICE_UNAVAILABLE, "too many links at once; try again", true);
        }
    }

    /** One upgrade. */
    private record Attempt(ChannelHandlerContext ctx, HttpRequest request, String bearer, InetSocketAddress remote) {
        String from() {
            return AddressText.of(remote);
        }
    }

    /** On the verifying thread: signatures cost too much for the event loop that moves packets. */
    private void judge(Attempt a) {
        if (!a.ctx.channel().isActive()) {
            return; // it gave up while it waited: no time for it
        }
        Authenticator.Admission admission;
        try {
            List<String> proofs = a.request.headers().getAll(LinkProof.NAME);
            admission = proofs.size() > 1
                    ? new Authenticator.Refused("more than one proof", false, null)
                    : shared.authenticator.judge(
                            a.bearer,
                            proofs.isEmpty() ? null : proofs.get(0),
                            a.ctx.channel().attr(GatewayChannel.CERTIFICATE).get(),
                            a.from());
        } catch (RuntimeException e) {
            if (mayLog()) {
                log.warn("verifying a token from {} failed", a.from(), e);
            }
            admission = new Authenticator.Refused("it could not be verified", false, null);
        }
        Authenticator.Admission decided = admission;
        try {
            a.ctx.executor().execute(() -> answer(a, decided));
        } catch (RejectedExecutionException e) {
            log.debug("the gateway is closing");
        }
    }

    private void answer(Attempt a, Authenticator.Admission admission) {
        if (admission instanceof Authenticator.Refused refused) {
            unproven = false; // counted by what comes
            refuse(a, refused);
        } else if (!a.ctx.channel().isActive()) {
            if (admission instanceof Authenticator.Challenged && shared.limiter != null) {
                shared.limiter.unproven(a.remote.getAddress());
            }
        } else if (admission instanceof Authenticator.Accepted accepted) {
            unproven = false;
            accept(a, accepted.token(), accepted.key());
        } else if (admission instanceof Authenticator.Challenged challenge) {
            challenge(a, challenge.nonce());
        } else if (admission instanceof Authenticator.Unavailable unavailable) {
            unproven = false;
            answers.line(a.ctx, a.request, HttpResponseStatus.SERVICE_UNAVAILABLE, unavailable.why(), true);
        }
    }

    private void challenge(Attempt a, String nonce) {
        boolean again = challenged;
        challenged = true;
        AttemptLimiter limiter = shared.limiter;
        if (again) {
            leftUnproven(a);
        } else if (limiter != null) {
            a.ctx.channel().closeFuture().addListener(f -> leftUnproven(a));
        }
        unproven = true;
        answers.line(
                a.ctx,
                a.request,
                HttpResponseStatus.UNAUTHORIZED,
                "the token is bound to a key, and nothing shows that you have it; update this program",
                again,
                HttpHeaderNames.WWW_AUTHENTICATE,
                LinkProof.challenge(nonce));
        busy = false;
        a.ctx.read();
    }

    /** Whoever has a token and not its key can ask for challenges all day: one that stays without a proof is a failure. */
    private void leftUnproven(Attempt a) {
        if (unproven && shared.limiter != null) {
            unproven = false;
            shared.limiter.unproven(a.remote.getAddress());
        }
    }

    private void refuse(Attempt a, Authenticator.Refused refused) {
        shared.services.counters().refusedTokens.increment();
        AttemptLimiter.Failure failure = shared.limiter == null
                ? new AttemptLimiter.Failure(true, 0, 0)
                : shared.limiter.failed(a.remote.getAddress(), a.bearer);
        if (failure.report()) {
            report(a, refused, failure.unreported());
        }
        Runnable answer = () -> {
            if (refused.ours()) {
                answers.line(
                        a.ctx,
                        a.request,
                        HttpResponseStatus.FORBIDDEN,
                        refused.why(),
                        true,
                        LinkUpgrade.REFUSAL,
                        "token");
            } else {
                answers.status(a.ctx, a.request, HttpResponseStatus.NOT_FOUND, true);
            }
        };
        if (failure.delayMillis() == 0) {
            answer.run();
        } else {
            a.ctx.executor().schedule(answer, failure.delayMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void report(Attempt a, Authenticator.Refused refused, long unreported) {
        if (mayLog()) {
            log.info("refused a token from {}: {}", a.from(), refused.why());
        }
        Token token = refused.token();
        shared.services
                .audit()
                .add(new AuditRecord.TokenRefused(
                        shared.services.audit().clock().instant(),
                        a.from(),
                        refused.why(),
                        token == null ? null : token.kind().toString(),
                        token == null ? null : token.name(),
                        token == null ? null : token.id(),
                        unreported));
    }

    private boolean mayLog() {
        return shared.services.lines().takes(PeerLines.STRANGERS, PeerLines.Kind.TOKENS);
    }

    private void accept(Attempt a, Token token, @Nullable String key) {
        Channel channel = a.ctx.channel();
        if (shared.limiter != null) {
            shared.limiter.succeeded(a.remote.getAddress(), a.bearer);
        }
        int version = LinkUpgrade.version(a.request);
        if (version == 0) {
            answers.line(
                    a.ctx,
                    a.request,
                    HttpResponseStatus.UPGRADE_REQUIRED,
                    "this gateway speaks " + LinkUpgrade.subprotocol(LinkUpgrade.NEWEST)
                            + " and older; update the older of the two",
                    true,
                    LinkUpgrade.REFUSAL,
                    "version");
            return;
        }
        String kind = token.kind().toString();
        String holderKey = Links.holder(kind, token.name());
        if (!shared.links.admits(holderKey, channel.closeFuture())) {
            answers.line(
                    a.ctx,
                    a.request,
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "'" + token.name() + "' has " + Links.MAX_PER_HOLDER
                            + " links already; does another use its token?",
                    true);
            return;
        }
        AuditRecord.Holder holder =
                new AuditRecord.Holder(shared.links.nextNumber(), kind, token.name(), token.id(), key, a.from());
        Link link = new Link(
                Link.Role.WEBSOCKET_SERVER,
                channel.pipeline().get(SslHandler.class) != null,
                shared.settings,
                shared.fabric.link(token, holder),
                version);
        a.ctx.writeAndFlush(LinkUpgrade.switchingProtocols(a.request)).addListener(f -> {
            if (f.isSuccess() && channel.isActive()) {
                reader.admitted();
                channel.pipeline().remove(StrangerTurns.Turn.class);
                moveToLinks(channel, link, holderKey);
            } else {
                channel.close();
            }
        });
    }

    /** Nobody reads the channel meanwhile: what the peer sends behind its upgrade waits in the socket. */
    private void moveToLinks(Channel channel, Link link, String holder) {
        channel.deregister().addListener(out -> {
            EventLoop loop = shared.loops.next();
            loop.register(channel).addListener(in -> {
                if (in.isSuccess()) { // else the gateway is closing, and Netty has closed it
                    install(channel, link, holder);
                }
            });
        });
    }

    private void install(Channel channel, Link link, String holder) {
        try {
            if (channel.isActive()) {
                shared.readShares.join(channel, holder);
                LinkUpgrade.install(channel, link, httpHandlers);
                channel.pipeline().remove(edge);
            } else {
                channel.close(); // so that all hear of it who count it
            }
        } catch (ChannelException e) { // options of a socket that has just been reset
            log.debug("{} went before it was a link", AddressText.of(channel.remoteAddress()), e);
            channel.close();
        }
    }
}
