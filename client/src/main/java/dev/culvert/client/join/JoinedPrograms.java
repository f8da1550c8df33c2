package dev.culvert.client.join;

import dev.culvert.client.uplink.JoinGreeting;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkUpgrade;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.util.concurrent.Future;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** The programs that have joined a client that is up, and those that are about to. Event loop of the uplink only. */
public final class JoinedPrograms {
    /** Of all users. */
    static final int MAX_PROGRAMS = 256;

    /** A build that opens an ssh connection to each of many hosts has room; another user's beside it, too. */
    static final int MAX_OF_USER = 64;

    /** Of all programs: what applications on the interface and questions of names open has room beside them. */
    static final int MAX_FLOWS = Uplink.MAX_FLOWS / 4 * 3;

    /** A quarter of those that there may be. */
    static final int MAX_FLOWS_OF_USER = Uplink.MAX_FLOWS / 4;

    /** Connections that have not said yet that they join. */
    static final int MAX_GREETING = 256;

    /** One more is closed: who says nothing keeps other users out with none. */
    static final int MAX_GREETING_OF_USER = MAX_GREETING / 4;

    /** To say so. */
    static final Duration GREETING = Duration.ofSeconds(5);

    private final Uplink uplink;
    private final String tokenId;
    private final String client;
    private final String version;
    private final Tally tally;
    private final Quota<Long> programs = new Quota<>(MAX_PROGRAMS, MAX_OF_USER);
    private final Quota<Long> flows = new Quota<>(MAX_FLOWS, MAX_FLOWS_OF_USER);
    private final Set<Program> joined = new LinkedHashSet<>();
    private final Quota<Long> greetings = new Quota<>(MAX_GREETING, MAX_GREETING_OF_USER);
    private boolean ended;

    /**
     * @param tokenId of the token that the client was started with: who would use another one has other rights
     * @param client whose token it is
     * @param version of this program
     */
    public JoinedPrograms(Uplink uplink, String tokenId, String client, String version, Tally tally) {
        this.uplink = uplink;
        this.tokenId = tokenId;
        this.client = client;
        this.version = version;
        this.tally = tally;
        uplink.eventLoop().execute(() -> uplink.watch(() -> List.copyOf(joined).forEach(Program::announce)));
    }

    /** Of those that have joined. */
    int count() {
        return joined.size();
    }

    /**
     * A connection has come; nothing of it has been read.
     *
     * @param user whose program it is, by number
     */
    void arrived(Channel connection, long user) {
        if (ended || !greetings.take(user, 1)) {
            connection.close();
            return;
        }
        Greeting its = new Greeting(user);
        connection.pipeline().addLast(its.lines, its);
    }

    /** No more; who has joined is told. */
    void end(String why) {
        ended = true;
        List.copyOf(joined).forEach(program -> program.end(why));
    }

    /** Why a program may not join; null if it may. */
    private @Nullable String refusal(String token, long user) {
        if (!token.equals(tokenId)) {
            return "it uses another token";
        }
        if (ended || !uplink.isTold() || !uplink.status().linked()) {
            return "it has no link to its gateway now";
        }
        if (programs.of(user) >= MAX_OF_USER) {
            return MAX_OF_USER + " programs of this user have joined it";
        }
        return programs.left() == 0 ? MAX_PROGRAMS + " programs have joined it" : null;
    }

    /** One that has not joined yet: a line is read and answered. */
    private final class Greeting extends SimpleChannelInboundHandler<ByteBuf> {
        private final LineBasedFrameDecoder lines = new LineBasedFrameDecoder(JoinGreeting.MAX_LINE, true, true);
        private final long user;
        private @Nullable Future<?> late;
        private boolean answered;

        Greeting(long user) {
            this.user = user;
        }

        @Override
        public void handlerAdded(ChannelHandlerContext ctx) {
            late = ctx.executor().schedule(() -> ctx.close(), GREETING.toMillis(), TimeUnit.MILLISECONDS);
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            greetings.give(user, 1);
            if (late != null) {
                late.cancel(false);
            }
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, ByteBuf line) {
            if (answered) {
                return;
            }
            answered = true;
            String why;
            try {
                why = refusal(JoinGreeting.asked(line), user);
            } catch (JoinGreeting.Refused e) {
                why = e.getMessage();
            }
            if (why != null) {
                refuse(ctx, why);
                return;
            }
            ctx.writeAndFlush(JoinGreeting.welcome(
                    version,
                    new JoinGreeting.Welcome(
                            ProcessHandle.current().pid(), uplink.status().rttMicros())));
            new Program(user).begin(ctx.channel(), this, lines);
        }

        private void refuse(ChannelHandlerContext ctx, String why) {
            ctx.writeAndFlush(JoinGreeting.refusal(version, why)).addListener(ChannelFutureListener.CLOSE);
        }

        /** A line that is too long, or it has gone. */
        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!answered && ctx.channel().isActive()) {
                answered = true;
                refuse(ctx, "a line has at most " + JoinGreeting.MAX_LINE + " bytes");
            } else {
                ctx.close();
            }
        }
    }

    /** One that has joined. */
    private final class Program implements FlowListener {
        private final long user;
        private final FlowMultiplexer mux = new FlowMultiplexer(this);

        Program(long user) {
            this.user = user;
        }

        void begin(Channel channel, Greeting greeting, LineBasedFrameDecoder lines) {
            if (!programs.take(user, 1)) {
                throw new IllegalStateException("there was room for one more");
            }
            joined.add(this);
            tally.programs(1);
            channel.closeFuture().addListener(closed -> {
                programs.give(user, 1);
                joined.remove(this);
                tally.programs(-1);
            });
            Link link = new Link(Link.Role.WEBSOCKET_SERVER, true, JoinGreeting.LINK, mux, JoinGreeting.LINK_VERSION);
            LinkUpgrade.install(channel, link, greeting, lines);
        }

        void end(String why) {
            mux.link().close(Link.CLOSE_GOING, why);
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            announce();
        }

        void announce() {
            Announcement.Reachable known = uplink.known(client);
            if (known != null && mux.isUp()) {
                try {
                    mux.announce(known);
                } catch (IllegalArgumentException e) {
                    // More than fits a frame, which is all that a gateway has said at once: what it said before still
                    // holds.
                }
            }
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            if (flows.take(user, 1)) {
                new JoinedFlow(flow, uplink, tally, () -> flows.give(user, 1)).open();
            } else {
                flow.refuse(
                        Reason.OVERLOADED,
                        "the programs of this user have " + MAX_FLOWS_OF_USER + " flows, or those of all " + MAX_FLOWS);
            }
        }
    }
}
