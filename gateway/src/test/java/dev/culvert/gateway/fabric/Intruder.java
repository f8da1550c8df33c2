package dev.culvert.gateway.fabric;

import dev.culvert.token.ClientToken;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.frame.FlowPath;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.frame.SessionId;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * A client with a token of its own, that knows all there is to know of another's flows, the secret of its session among it, and
 * asks for them: by their numbers, with later epochs, as what is oldest. It gets flows of its own at most, and reads on those what is
 * written for it, and whatever else it says ends its own link at most.
 */
@NullUnmarked
final class Intruder implements FrameReceiver {
    /** From where its flows come: so those who answer know which are its. */
    private static final InetSocketAddress SOURCE = new InetSocketAddress("192.0.2.66", 666);

    private static final int FLOOD = 40;
    private static final long MOST_ASKED = 400_000;

    private final Simulation world;
    private final String victim;
    private final ClientToken token;
    private final String key;
    private final List<Integer> ids = new ArrayList<>();
    private int nextId;
    private Link link;
    private long connectsAt;
    private boolean left;

    /** Flows that it got. */
    int answered;

    /**
     * @param victim the first client's name
     * @param name its own, or the victim's, of whose key it has not the other half
     */
    Intruder(Simulation world, String victim, String name) {
        this.world = world;
        this.victim = victim;
        this.token = SimulatedEnd.clientToken(name);
        this.key = name.equals(victim) ? "another key" : null;
    }

    static boolean isIts(IncomingFlow flow) {
        return SOURCE.equals(flow.request().source());
    }

    /** Who answers it. */
    final class Callee extends ChannelInboundHandlerAdapter {
        private LinkFlow flow;

        void answers(IncomingFlow asked) {
            flow = asked.accept(this, true);
            if (flow != null && flow.request().destination().isStream() && world.random.nextBoolean()) {
                flow.writeAndFlush(world.memory.directBuffer(100).writeZero(100));
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            isNothing((ByteBuf) msg, "from the intruder came what another has written");
            ((ByteBuf) msg).release();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof FlowException)) {
                world.fails(cause);
            }
            ctx.close();
        }
    }

    private void isNothing(ByteBuf payload, String what) {
        for (int i = payload.readerIndex(); i < payload.writerIndex(); i++) {
            if (payload.getByte(i) != 0) {
                world.fails(new AssertionError(what));
                return;
            }
        }
    }

    /** The victim's, as it is now. */
    private SessionId secret() {
        return world.client().secret;
    }

    private boolean isUp() {
        return link != null && !link.isDown();
    }

    void connectIfDue() {
        if (!isUp() && !left && world.ticker.nanoTime() - connectsAt >= 0) {
            SimulatedGateway at = world.gateways.get(world.random.nextInt(world.gateways.size()));
            if (at.isUp()) {
                new SimulatedLink(
                        world, at, this, new Tap(world, at.fabric.link(token, key), at + " from the intruder"), 2);
            }
        }
    }

    /** Does one thing. */
    void act() {
        if (!isUp() || !link.writer().takesControl()) {
            return;
        }
        Random random = world.random;
        switch (random.nextInt(9)) {
            case 0 -> open(0, null);
            case 1, 2, 3 -> open(1 + random.nextInt(1_000), random.nextLong(MOST_ASKED));
            case 4 -> {
                for (int i = 0; i < FLOOD; i++) {
                    open(random.nextInt(1_000), random.nextLong(MOST_ASKED));
                }
            }
            case 5 -> say(Frame.RESET, Unpooled.buffer(1).writeByte(Reason.CANCELLED.code()));
            case 6 -> say(Frame.PATH_LOST, Unpooled.buffer(1).writeByte(Reason.MOVED.code()));
            case 7 ->
                say(
                        Frame.CREDIT,
                        Unpooled.buffer(12)
                                .writeInt(random.nextInt(1_000))
                                .writeLong(random.nextInt(3) == 0 ? random.nextLong(MOST_ASKED) : 0));
            default -> {
                if (random.nextInt(10) == 0) {
                    say(Frame.DATA, Unpooled.buffer(10).writeZero(10)); // beyond its credit, before OPENED: as it comes
                }
            }
        }
    }

    /** On a flow that it has asked for, or on one of whom it knows the id that it has on another link. */
    private void say(int type, ByteBuf payload) {
        int id = ids.isEmpty() || world.random.nextInt(3) == 0
                ? 2 + world.random.nextInt(10)
                : ids.get(world.random.nextInt(ids.size()));
        link.writer().control(type, 0, id, payload);
    }

    private void open(int epoch, Long received) {
        Random random = world.random;
        if (world.applications.isEmpty()) {
            return;
        }
        Application a = world.applications.get(random.nextInt(world.applications.size()));
        long number = 1 + random.nextInt(world.applications.size() + 1);
        long oldest = random.nextBoolean() ? number : 1;
        String answerer = world.agents.get(random.nextInt(world.agents.size())).instance + "/" + SimulatedAgent.KEY;
        FlowPath path = new FlowPath(
                number,
                oldest,
                epoch,
                random.nextBoolean() ? secret().under(victim + "\0token token", SimulatedAgent.NAME) : null,
                received == null ? null : new FlowPath.Resume(received, random.nextBoolean() ? answerer : ""));
        OpenRequest request = OpenRequest.ofClient(a.request().destination(), SimulatedAgent.NAME, SOURCE)
                .over(1_000, 0, path);
        ByteBuf b = Unpooled.buffer(128);
        request.encode(b);
        nextId += 2;
        ids.add(nextId);
        link.writer().control(Frame.OPEN, 0, nextId, b);
    }

    @Override
    public void linkUp(Link up) {
        link = up;
        ids.clear();
        nextId = 2 * world.random.nextInt(5);
        ByteBuf b = Unpooled.buffer(SessionId.LENGTH);
        secret().write(b);
        up.writer().control(Frame.SESSION, 0, 0, b);
    }

    @Override
    public void frame(Link from, int type, int flags, int flowId, ByteBuf payload) {
        if (type == Frame.OPENED) {
            answered++;
        } else if (type == Frame.DATA || type == Frame.DATAGRAM) {
            isNothing(payload, "the intruder reads what was not written for it");
        }
        payload.release();
    }

    @Override
    public void batchComplete(Link from) {}

    @Override
    public void linkDown(Link down, String why) {
        connectsAt = world.ticker.nanoTime() + TimeUnit.MILLISECONDS.toNanos(world.random.nextLong(1_000));
    }

    /** It leaves. */
    void leave() {
        left = true;
        if (isUp()) {
            link.channel().close();
        }
    }
}
