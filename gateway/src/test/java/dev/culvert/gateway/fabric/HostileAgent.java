package dev.culvert.gateway.fabric;

import dev.culvert.token.AgentToken;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.HeldFlow;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * Another agent, with a token of its own, that says whatever it likes: answers of flows that it was not asked for, twice, with numbers that
 * cannot be; credit beyond all bounds, bytes beyond its own; questions about others' flows, their sessions and instances as its own. The
 * flows that clients have with it end somehow; nobody else's do, nor anybody's link but its own.
 */
@NullUnmarked
final class HostileAgent implements FrameReceiver {
    static final String NAME = "attic";
    private static final AgentToken TOKEN = SimulatedEnd.agentToken(NAME);

    /** Most flows that it is asked for. */
    private static final int MOST = 12;

    private static final int FLOOD = 40;

    /** A flow that a client has with it. */
    private final class Caller extends ChannelInboundHandlerAdapter {
        final SimulatedClient client;
        LinkFlow channel;
        boolean over;

        Caller(SimulatedClient client) {
            this.client = client;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            if (world.random.nextBoolean()) {
                ctx.writeAndFlush(world.memory.directBuffer(2_000).writeZero(1 + world.random.nextInt(2_000)));
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            if (!(msg instanceof ByteBuf b)) {
                ReferenceCountUtil.release(msg); // an error, or from another port
                return;
            }
            for (int i = b.readerIndex(); i < b.writerIndex(); i++) {
                if (b.getByte(i) != 0) {
                    world.fails(new AssertionError("a flow with the hostile agent got another's bytes"));
                    break;
                }
            }
            b.release();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof FlowException)) {
                world.fails(cause);
            }
            ctx.close();
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            over = true;
        }
    }

    private final Simulation world;
    private final List<Caller> callers = new ArrayList<>();

    /** Ids of flows that it was asked for on its present link. */
    private final List<Integer> ids = new ArrayList<>();

    private Link link;

    /** Where that is. */
    private SimulatedGateway at;

    /** What it calls itself, as long as it lives: by that those find it again that have flows with it. */
    private String name;

    private long connectsAt;
    private boolean tame;
    private boolean left;

    HostileAgent(Simulation world) {
        this.world = world;
    }

    /** A client opens a flow with it. */
    void isAskedBy(SimulatedClient client) {
        if (callers.size() < MOST && client.isUp() && client.mux.canOpen()) {
            Caller caller = new Caller(client);
            callers.add(caller);
            Destination to = Application.destination(callers.size(), world.random.nextInt(4) > 0, false);
            caller.channel = client.mux.open(OpenRequest.ofClient(to, NAME, null), caller);
            caller.channel.opened().addListener(f -> caller.over |= !f.isSuccess());
        }
    }

    /** The client's process is no more. */
    void killed(SimulatedClient client) {
        callers.stream().filter(c -> c.client == client).forEach(c -> c.channel.close());
    }

    private boolean isUp() {
        return link != null && !link.isDown();
    }

    void connectIfDue() {
        SimulatedGateway wanted = tame ? whereItIsWaitedFor() : null;
        if (isUp()) {
            if (wanted != null && wanted != at) {
                link.channel().close();
            }
        } else if (!left && world.ticker.nanoTime() - connectsAt >= 0) {
            connect(wanted != null ? wanted : world.gateways.get(world.random.nextInt(world.gateways.size())));
        }
    }

    /** A client holds what it has with an agent that is nowhere to be reached: that is no fault. */
    private SimulatedGateway whereItIsWaitedFor() {
        return world.clients.stream()
                .filter(c -> c.flows.heldCount() > 0 && c.isUp())
                .map(SimulatedClient::gateway)
                .findFirst()
                .orElse(null);
    }

    private void connect(SimulatedGateway gateway) {
        if (gateway.isUp()) {
            at = gateway;
            new SimulatedLink(
                    world,
                    at,
                    this,
                    new Tap(world, at.fabric.link(TOKEN, SimulatedAgent.KEY), at + " from the hostile agent"),
                    world.scenario.agentVersion());
            connectsAt = world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(50);
        }
    }

    /** Does one thing. */
    void act() {
        if (!isUp() || tame || !link.writer().takesControl()) {
            return;
        }
        Random random = world.random;
        switch (random.nextInt(16)) {
            case 0, 1, 2 -> opened(id());
            case 3 -> {
                int id = id();
                opened(id);
                if (random.nextInt(4) == 0) {
                    opened(id);
                }
            }
            case 4, 5 -> say(Frame.DATA, random.nextInt(4), Unpooled.buffer().writeZero(1 + random.nextInt(300)));
            case 6 -> {
                if (random.nextInt(5) == 0) { // beyond what it was granted, before long
                    for (int i = 0; i < FLOOD; i++) {
                        say(Frame.DATA, 0, Unpooled.buffer().writeZero(60_000));
                    }
                }
            }
            case 7 -> say(Frame.FIN, 0, Unpooled.EMPTY_BUFFER);
            case 8, 9 -> credit(random.nextInt(20) == 0 ? 0x7fff_ffff : random.nextInt(2_000));
            case 10 -> say(Frame.RESET, 0, reason());
            case 11 -> say(Frame.PATH_LOST, 0, reason());
            case 12 -> say(Frame.REFUSED, 0, reason().writeZero(random.nextInt(300)));
            case 13 -> {
                for (int i = random.nextInt(FLOOD); i > 0; i--) {
                    held();
                }
            }
            case 14 -> say(Frame.DATAGRAM, random.nextInt(8), Unpooled.buffer().writeZero(random.nextInt(50)));
            default -> {
                if (random.nextInt(5) == 0) {
                    saysWhatIsNotItsToSay();
                }
            }
        }
    }

    /** Its own, or one of which it can only guess that somebody has it. */
    private int id() {
        return ids.isEmpty() || world.random.nextInt(4) == 0
                ? 1 + world.random.nextInt(10) | Frame.SERVER_OPENED
                : ids.get(world.random.nextInt(ids.size()));
    }

    private void say(int type, int flags, ByteBuf payload) {
        link.writer().control(type, flags, id(), payload);
    }

    private ByteBuf reason() {
        return Unpooled.buffer().writeByte(world.random.nextInt(20));
    }

    /** Where it has come to, in truth or not. */
    private long received() {
        return switch (world.random.nextInt(6)) {
            case 0 -> Long.MAX_VALUE;
            case 1 -> world.random.nextLong(400_000);
            case 2 -> world.random.nextInt(20) == 0 ? -1 : 1;
            default -> 0;
        };
    }

    private void opened(int id) {
        ByteBuf b = Unpooled.buffer().writeInt(world.random.nextInt(70_000)).writeInt(world.random.nextInt());
        if (world.random.nextInt(20) > 0) {
            b.writeLong(received()).writeZero(world.random.nextInt(300));
        }
        link.writer().control(Frame.OPENED, world.random.nextInt(2), id, b);
    }

    private void credit(int bytes) {
        ByteBuf b = Unpooled.buffer().writeInt(bytes);
        if (world.random.nextInt(20) > 0) {
            b.writeLong(received());
        }
        say(Frame.CREDIT, world.random.nextInt(8), b);
    }

    /** About a flow of another agent's. */
    private void held() {
        if (world.applications.isEmpty()) {
            return;
        }
        Application a = world.applications.get(world.random.nextInt(world.applications.size()));
        Destination to = a.request().destination();
        ByteBuf b = Unpooled.buffer();
        new HeldFlow(session(), 1 + a.number, world.random.nextBoolean() ? "token 0 key ann" : "?", to.address(), to)
                .encode(b);
        link.writer().control(Frame.HELD, 0, 0, b);
    }

    /** Of the first client, by the name by which the other agent knows it. */
    private SessionId session() {
        return world.client().secret.digest().under(world.client().name + "\0token token", SimulatedAgent.NAME);
    }

    private void saysWhatIsNotItsToSay() {
        ByteBuf b = Unpooled.buffer();
        switch (world.random.nextInt(6)) {
            case 0 -> {
                session().write(b);
                link.writer().control(Frame.SESSION_ENDED, 0, 0, b);
            }
            case 1 -> {
                world.client().secret.write(b);
                link.writer().control(Frame.SESSION, 0, 0, b);
            }
            case 2 -> {
                session().write(b);
                link.writer().control(Frame.OVER, 0, 0, b.writeLong(1).writeByte(Reason.PROHIBITED.code()));
            }
            case 3 -> {
                OpenRequest.ofClient(Application.destination(0, true, false), SimulatedAgent.NAME, null)
                        .over(1_000, 0, new FlowPath(1, 1, 7, session(), new FlowPath.Resume(0, "")))
                        .encode(b);
                link.writer().control(Frame.OPEN, 0, 2, b);
            }
            case 4 -> {
                Drain drain = new Drain("never");
                link.writer().control(Frame.DRAIN, 0, 0, drain.payload(2));
            }
            default -> announce();
        }
    }

    /** As if it were one of the other agent's, and these had ended. */
    private void announce() {
        List<String> others = world.agents.stream().map(a -> a.instance).toList();
        if (name == null) {
            name = others.get(0);
        }
        link.writer()
                .control(
                        Frame.ANNOUNCE,
                        0,
                        0,
                        Unpooled.wrappedBuffer(Announcement.encode(
                                new Announcement.Agent(name, "1", List.of(SimulatedEnd.ROUTE), true, others))));
    }

    @Override
    public void linkUp(Link up) {
        link = up;
        ids.clear();
        announce();
    }

    @Override
    public void frame(Link from, int type, int flags, int flowId, ByteBuf payload) throws ProtocolException {
        try {
            if (type == Frame.OPEN) {
                OpenRequest asked = OpenRequest.decode(payload);
                if (!NAME.equals(asked.agent()) && asked.agent() != null) {
                    world.fails(new AssertionError("another agent's flow: " + asked));
                }
                ids.add(flowId);
                refuseIfTame(flowId);
            } else if (type == Frame.OVER) {
                overIsOnlyAnswered();
            }
        } finally {
            payload.release();
        }
    }

    private void overIsOnlyAnswered() {
        if (world.scenario.agentVersion() < 2) {
            world.fails(new AssertionError("OVER to an agent of version 1"));
        }
    }

    private void refuseIfTame(int id) {
        if (tame && isUp()) {
            link.writer().control(Frame.REFUSED, 0, id, Unpooled.buffer().writeByte(Reason.UNKNOWN.code()));
        }
    }

    @Override
    public void batchComplete(Link from) {}

    @Override
    public void linkDown(Link down, String why) {
        connectsAt =
                world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(world.calm ? 10 : world.random.nextLong(1_000));
    }

    /** It does nothing more, and tells whoever asks that it knows nothing of it; callers give up what they have. */
    void isTamed() {
        tame = true;
        callers.stream().filter(c -> !c.over).forEach(c -> c.channel.close());
        if (isUp()) {
            link.channel().close(); // what it had, it has no more
        }
    }

    /** Whether no client has anything of it any more. */
    boolean isOver() {
        return callers.stream().allMatch(c -> c.over) && world.clients.stream().allMatch(c -> c.flows.heldCount() == 0);
    }

    /** What is not over, for people. */
    String whatIsLeft() {
        return callers.stream()
                        .filter(c -> !c.over)
                        .map(c -> c.channel.toString())
                        .toList() + " held at clients: "
                + world.clients.stream().map(c -> c.flows.heldCount()).toList();
    }

    void leave() {
        left = true;
        if (isUp()) {
            link.channel().close();
        }
    }
}
