package dev.culvert.gateway.publish;

import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.fabric.InstanceChoice;
import dev.culvert.gateway.presence.Links;
import dev.culvert.token.Grant;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.FrameReceiver;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import io.netty.util.concurrent.Promise;
import io.netty.util.concurrent.PromiseCombiner;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Flows from the gateway towards agents, for whoever comes to what is published: an {@link InnerEnd} on each event loop. */
public final class PublishedFlows {
    /** By which log, audit log and agents know the gateway's ends; no holder of a token can have that name. */
    public static final String NAME = "@published";

    private static final String KIND = "gateway";

    private final Fabric fabric;
    private final Links links;
    private final PublishedRights rights;
    private final Map<EventLoop, InnerEnd> ends = new HashMap<>();
    private final AtomicBoolean started = new AtomicBoolean();
    private final Promise<Void> up = GlobalEventExecutor.INSTANCE.newPromise();

    /**
     * @param loops on whose event loops flows may be
     * @param policy knows which addresses need an explicit grant
     * @param sessions one for each loop. What processes before this one have left at agents is ended, whether anything is published or
     *     not
     */
    public PublishedFlows(
            Fabric fabric, Links links, EventLoopGroup loops, PolicyInForce policy, OwnSessions sessions) {
        this.fabric = fabric;
        this.links = links;
        this.rights = new PublishedRights(policy);
        Iterator<ClientSession> each = sessions.all().iterator();
        for (EventExecutor executor : loops) {
            EventLoop loop = (EventLoop) executor;
            ends.put(loop, new InnerEnd(loop, each.next(), links::nextNumber, this::receiver));
        }
        if (sessions.anyEnded()) {
            start();
        }
    }

    private FrameReceiver receiver(long link, InstanceChoice choice) {
        return fabric.inner(
                new AuditRecord.Holder(link, KIND, NAME, "none", null, PipeChannel.HERE.toString()), rights, choice);
    }

    /**
     * Flows are open to these targets from now on, and end to all others. With the first of them the ends come up: a gateway that
     * publishes nothing has none. Any thread.
     *
     * @return done when the ends are up: a flow that is asked for before fails
     */
    public Future<?> targets(List<Grant> now) {
        rights.targets(now);
        if (!now.isEmpty()) {
            start();
        }
        return up;
    }

    private void start() {
        if (started.compareAndSet(false, true)) {
            PromiseCombiner all = new PromiseCombiner(GlobalEventExecutor.INSTANCE);
            GlobalEventExecutor.INSTANCE.execute(() -> {
                ends.values().forEach(end -> all.add((Future<?>) end.wasUp()));
                all.finish(up);
            });
            ends.forEach((loop, end) -> loop.execute(end::start));
        }
    }

    /**
     * Opens a flow on {@code loop}, which is the caller's; see {@link InnerEnd#open}.
     *
     * @throws FlowException when it cannot even be asked for
     */
    public LinkFlow open(
            EventLoop loop,
            Published to,
            @Nullable String answerer,
            Destination destination,
            @Nullable InetSocketAddress source,
            ChannelHandler handler)
            throws FlowException {
        InnerEnd end = ends.get(loop);
        if (end == null) {
            throw new FlowException(Reason.UNSPECIFIED, "not an event loop of links");
        }
        return end.open(to, answerer, destination, source, handler);
    }

    /**
     * Opens a stream on {@code loop}, which is the caller's: a channel that is active, of which nothing has been read and nothing is
     * until its {@code autoRead} is switched on. Fails with a {@link FlowException}. When it is cancelled the flow is given up.
     *
     * @param answerer the instance that shall take it; null for any
     */
    public Future<LinkFlow> connect(
            EventLoop loop,
            Published to,
            @Nullable String answerer,
            Destination destination,
            @Nullable InetSocketAddress source) {
        Promise<LinkFlow> connected = loop.newPromise();
        try {
            LinkFlow flow = open(loop, to, answerer, destination, source, new ChannelInboundHandlerAdapter());
            flow.config().setAutoRead(false);
            flow.opened().addListener(opened -> {
                if (!opened.isSuccess()) {
                    connected.tryFailure(opened.cause());
                } else if (!connected.trySuccess(flow)) {
                    flow.close();
                }
            });
            connected.addListener(c -> {
                if (c.isCancelled()) {
                    flow.close();
                }
            });
        } catch (FlowException e) {
            connected.setFailure(e);
        }
        return connected;
    }

    /** Whether a flow failed because what it was to lead to is not published there any more, or is not the gateway's to open. */
    public static boolean isWithdrawn(@Nullable Throwable failure) {
        return failure instanceof FlowException flow && flow.reason() == Reason.PROHIBITED;
    }

    /** Flows that have not ended, on this event loop, which is the caller's. */
    int flowCount(EventLoop loop) {
        InnerEnd end = ends.get(loop);
        return end == null ? 0 : end.flowCount();
    }

    /** Ends all flows, at the agents too. Any thread; done when each end has said so. */
    public List<Future<?>> stop(String why) {
        List<Future<?>> said = new ArrayList<>();
        ends.forEach((loop, end) -> {
            if (!loop.isShuttingDown()) {
                said.add(loop.submit(() -> end.stop(why)));
            }
        });
        return said;
    }
}
