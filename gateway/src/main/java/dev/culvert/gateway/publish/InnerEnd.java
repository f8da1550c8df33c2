package dev.culvert.gateway.publish;

import dev.culvert.gateway.fabric.InstanceChoice;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.link.LinkUpgrade;
import io.netty.channel.ChannelHandler;
import io.netty.channel.EventLoop;
import io.netty.util.collection.IntObjectHashMap;
import io.netty.util.collection.IntObjectMap;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An end of flows in the gateway itself: opens them towards agents as a client does, over a link that never leaves the event loop. So
 * they are authorised, counted, audited and resumed as any others. One for each event loop; all of it on that loop.
 */
final class InnerEnd {
    private static final Logger log = LoggerFactory.getLogger(InnerEnd.class);

    /**
     * A link within a loop cannot fall silent, only the loop can stand still: what looks like silence then is none. PINGs measure
     * the round trip all the same.
     */
    private static final LinkSettings SETTINGS = new LinkSettings(Duration.ofMinutes(1), Duration.ofDays(1));

    /** After one that has ended, which is a fault of ours or the memory guard's doing. */
    private static final long AGAIN_MILLIS = 100;

    private final EventLoop loop;
    private final LongSupplier numbers;
    private final Side gateway;
    private final OpenedFlows flows;

    /** For flows whose OPEN is on its way through the pipe: which instance shall take them. */
    private final IntObjectMap<String> chosen = new IntObjectHashMap<>();

    private final Promise<Void> wasUp;
    private @Nullable FlowMultiplexer up;
    private long upNumber;
    private boolean stopped;

    /** Gives the gateway's side of a new link. */
    interface Side {
        FrameReceiver of(long number, InstanceChoice choice);
    }

    /**
     * @param numbers of links
     * @param gateway gives the gateway's side of a new link, whose flows go where the choice says
     * @param session of this end, in this process
     */
    InnerEnd(EventLoop loop, ClientSession session, LongSupplier numbers, Side gateway) {
        this.loop = loop;
        this.numbers = numbers;
        this.gateway = gateway;
        this.wasUp = loop.newPromise();
        this.flows = new OpenedFlows(loop, session, n -> log.debug("{} published flows go on", n));
    }

    /** Brings it up. */
    void start() {
        if (stopped) {
            return;
        }
        chosen.clear(); // what was on its way then is asked for again, of any instance
        PipeChannel[] pipe = PipeChannel.pair();
        long number = numbers.getAsLong();
        // Frames are masked with key 0, as over TLS: what is kept must not change in place.
        Link server = new Link(
                Link.Role.WEBSOCKET_SERVER, true, SETTINGS, gateway.of(number, chosen::remove), LinkUpgrade.NEWEST);
        FlowMultiplexer own = new FlowMultiplexer(new Events(number), flows);
        Link client = new Link(Link.Role.WEBSOCKET_CLIENT, true, SETTINGS, own, LinkUpgrade.NEWEST);
        pipe[0].pipeline().addLast(server);
        pipe[1].pipeline().addLast(client);
        loop.register(pipe[0]);
        loop.register(pipe[1]);
    }

    /** Done when it is up for the first time: flows can be opened. From any thread. */
    Future<?> wasUp() {
        return wasUp;
    }

    /** Ends its flows, at the agents too. */
    void stop(String why) {
        stopped = true;
        FlowMultiplexer link = up;
        if (link != null) {
            link.link().close(Link.CLOSE_GOING, why);
        }
    }

    /** Flows that have not ended. */
    int flowCount() {
        FlowMultiplexer link = up;
        return flows.waitingCount() + (link == null ? 0 : link.flowCount());
    }

    /**
     * Asks an agent for a flow: {@link LinkFlow#opened()} says what has come of it.
     *
     * @param to what is published there, which has its share of what flows may have
     * @param answerer the instance that shall take it, as {@link dev.culvert.gateway.presence.PresentAgent#answerer()} has it: is that
     *     not connected, the flow is refused with {@link Reason#NO_AGENT}; null for any
     * @param source who is to be served by it, for the audit log and the agent's host; null when it is for many
     * @param handler added to the flow's pipeline
     * @throws FlowException when there is no link now, or too much waits for it
     */
    LinkFlow open(
            Published to,
            @Nullable String answerer,
            Destination destination,
            @Nullable InetSocketAddress source,
            ChannelHandler handler)
            throws FlowException {
        FlowMultiplexer link = up;
        if (link == null || !link.canOpen()) {
            throw new FlowException(
                    link == null ? Reason.LINK_LOST : Reason.OVERLOADED,
                    link == null ? "the gateway is just starting" : "the gateway has too much to do");
        }
        LinkFlow flow = link.openFor(to.place(), OpenRequest.ofClient(destination, to.agent(), source), handler);
        FlowKey.mark(flow, upNumber);
        if (answerer != null) {
            chosen.put(flow.flowId(), answerer); // the pipe delivers in a later turn
        }
        return flow;
    }

    private final class Events implements FlowListener {
        private final long number;

        Events(long number) {
            this.number = number;
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            up = link;
            upNumber = number;
            wasUp.trySuccess(null);
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            flow.refuse(Reason.PROHIBITED, "published names answer no flows");
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            up = null;
            if (!stopped) {
                log.warn("the inner link has ended: {}; making another", why);
                loop.schedule(InnerEnd.this::start, AGAIN_MILLIS, TimeUnit.MILLISECONDS);
            }
        }
    }
}
