package dev.culvert.client.uplink;

import dev.culvert.address.HostPattern;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenGrants;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * All of a client that has no interface, and may be anybody's: its session, one event loop, and on it the uplink of its token.
 */
public final class RunningUplink implements AutoCloseable {
    /** What flows' ends may take when the client ends, and then the last tasks of its loop. */
    private static final Duration ENDS = Duration.ofSeconds(1);

    private static final long LOOK_MILLIS = 5;

    private final NotedSession session;
    private final EventLoopGroup loops;
    private final TokenUplink way;
    private final ClientToken token;

    private RunningUplink(NotedSession session, EventLoopGroup loops, TokenUplink way, ClientToken token) {
        this.session = session;
        this.loops = loops;
        this.way = way;
        this.token = token;
    }

    /**
     * Reads the token and makes the rest, not started yet. Blocks.
     *
     * @param profile under which the token is kept; null for the last that was logged in with
     * @param wanted what the holder of a token wants to have routed
     * @param join whether it goes through a client that is up
     */
    public static RunningUplink open(
            HolderOptions options,
            @Nullable String profile,
            Function<ClientToken, RouteTable.Wanted> wanted,
            JoinOptions join,
            Voice voice)
            throws Exception {
        HolderOptions.Holder holder = options.read(Token.Kind.CLIENT, profile);
        ClientToken token = (ClientToken) holder.token();
        RouteTable.Wanted routes = wanted.apply(token);
        List<Path> joined = join.places(options.directory(Token.Kind.CLIENT));
        NotedSession session = NotedSession.begin(() -> options.directory(Token.Kind.CLIENT), token.name(), voice);
        EventLoopGroup loops = EventLoops.create(1, "client");
        try {
            TokenUplink way = TokenUplink.of(options, holder, routes, loops.next(), session.session(), joined, voice);
            return new RunningUplink(session, loops, way, token);
        } catch (Exception e) {
            end(loops);
            session.close();
            throw e;
        }
    }

    public Uplink uplink() {
        return way.uplink();
    }

    /** As {@link TokenUplink#roundTripMicros}. Event loop. */
    public long roundTripMicros() {
        return way.roundTripMicros();
    }

    /** On which the uplink and its flows live, and what is joined to them. */
    public EventLoop loop() {
        return way.uplink().eventLoop();
    }

    /**
     * A slip of the fingers is told of at once, not when the gateway has been reached.
     *
     * @throws IllegalArgumentException if the token says nothing of that agent
     */
    public void requireAgent(String agent) {
        if (!TokenGrants.of(token).mentions(agent)) {
            throw new IllegalArgumentException("this token grants nothing through an agent '" + agent
                    + "'; 'token show' says which agents it names");
        }
    }

    /** Host names that the token grants, by themselves or as patterns. */
    public List<HostPattern> names() {
        return token.grants().stream()
                .map(Grant::target)
                .filter(HostPattern.class::isInstance)
                .map(HostPattern.class::cast)
                .distinct()
                .toList();
    }

    /**
     * Waits until no flow is left, so that the far ends have all that was sent; not for longer.
     *
     * @return whether none is left
     */
    public boolean awaitFlows(Duration most) {
        long latest = System.nanoTime() + most.toNanos();
        try {
            while (loops.submit(() -> uplink().flowCount()).get() > 0) {
                if (System.nanoTime() - latest >= 0) {
                    return false;
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    /** Ends the flows, whose far ends are told, and the link. */
    @Override
    public void close() {
        way.close();
        // Its last word has to go out before its loop ends, or the far ends hold what has ended here.
        uplink().stop("the client ended").awaitUninterruptibly(ENDS.toMillis());
        end(loops);
        session.close();
    }

    private static void end(EventLoopGroup loops) {
        loops.shutdownGracefully(0, ENDS.toMillis(), TimeUnit.MILLISECONDS).awaitUninterruptibly(2 * ENDS.toMillis());
    }
}
