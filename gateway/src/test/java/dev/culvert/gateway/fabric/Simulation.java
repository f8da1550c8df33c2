package dev.culvert.gateway.fabric;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.fixture.Wire;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowException;
import dev.culvert.tunnel.flow.FlowListener;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.FlowSession;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.flow.LinkFlow;
import dev.culvert.tunnel.flow.OpenedFlows;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ManualIoEventLoop;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.util.concurrent.MockTicker;
import io.netty.util.concurrent.Ticker;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;

/**
 * A client, an agent and gateways between them in one thread and frozen time, with links that the seed cuts, loses and delays: all of
 * it the product's own, but for sockets and applications. Each application sends bytes that say where they belong, so that none can
 * be missing, doubled or out of its place unnoticed.
 */
@NullUnmarked
final class Simulation implements AutoCloseable {
    /** What may happen to links, beside delay; each once in so many steps, 0 for never. */
    record Weather(int cut, int blackHole, int restart, int abort, long awayMillis) {
        static final Weather CALM = new Weather(0, 0, 0, 0, 0);
        static final Weather ROUGH = new Weather(60, 200, 250, 0, 3_000);
        static final Weather ROUGH_WITH_ABORTS = new Weather(60, 200, 250, 150, 3_000);
    }

    private static final int STEPS = 400;

    /** Until then all must have ended. */
    private static final int CALM_STEPS = 60_000;

    final Random random;
    final MockTicker ticker = Ticker.newMockTicker();
    final ManualIoEventLoop loop =
            new ManualIoEventLoop(null, Thread.currentThread(), LocalIoHandler.newFactory(), ticker);
    final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    final List<Application> applications = new ArrayList<>();
    final OpenedFlows opened = new OpenedFlows(loop, n -> {});
    final AnsweredFlows answered = new AnsweredFlows(loop, 10_000, (flow, asked) -> true);
    final End client = new End("client", opened);
    final End agent = new End("agent", answered);

    /** Of the link protocol, as the ends speak it. */
    int clientVersion = 2;

    int agentVersion = 2;
    private final List<Wire> wires = new ArrayList<>();
    final List<IncomingFlow> pending = new ArrayList<>();
    TestFabric gateway = newGateway();
    private final Weather weather;
    private boolean calm;
    int resumed;

    Simulation(long seed, Weather weather) {
        this.random = new Random(seed);
        this.weather = weather;
    }

    private TestFabric newGateway() {
        return new TestFabric(AuditLog.none(), Clock.systemUTC(), ticker::nanoTime, 10_000);
    }

    /** A process with one link at a time. */
    final class End implements FlowListener {
        final String kind;
        final FlowSession session;
        FlowMultiplexer mux;
        Wire wire;
        Wire gatewaysWire;
        boolean lost; // whatever is on its way on this link, either way
        long connectsAt;
        int links;
        final List<String> downs = new ArrayList<>();

        End(String kind, FlowSession session) {
            this.kind = kind;
            this.session = session;
        }

        @SuppressWarnings("deprecation") // Netty's own way to register a channel on a loop that is not a group
        void connect() {
            Wire[] pair = Wire.pair();
            wires.add(pair[0]);
            wire = pair[0];
            gatewaysWire = pair[1];
            lost = false;
            links++;
            for (Wire w : pair) {
                w.config().setAllocator(allocator);
            }
            mux = new FlowMultiplexer(this, session);
            FrameSwitch at = kind.equals("client")
                    ? gateway.client("ann", "office:10.0.0.0/8")
                    : gateway.agent("office", "key", "10.0.0.0/8");
            gatewaysWire
                    .pipeline()
                    .addLast(new Link(Link.Role.WEBSOCKET_SERVER, true, LinkSettings.DEFAULT, at, version()));
            wire.pipeline().addLast(new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, mux, version()));
            loop.register(gatewaysWire);
            loop.register(wire);
        }

        private int version() {
            return this == client ? clientVersion : agentVersion;
        }

        boolean isUp() {
            return mux != null && mux.isUp();
        }

        @Override
        public void linkUp(FlowMultiplexer link) {
            if (this == agent) {
                link.announce(new Announcement.Agent("instance", "1", List.of("10.0.0.0/8"), true));
            }
        }

        @Override
        public void onAnnounce(FlowMultiplexer link, ByteBuf payload) {
            opened.tryAgain();
        }

        @Override
        public void onOpen(IncomingFlow flow) {
            pending.add(flow);
        }

        @Override
        public void linkDown(FlowMultiplexer link, String why) {
            downs.add(why);
            connectsAt = ticker.nanoTime()
                    + TimeUnit.MILLISECONDS.toNanos(calm ? 10 : random.nextLong(1 + weather.awayMillis));
        }

        void carry() {
            if (wire == null) {
                return;
            }
            if (lost) {
                wire.lose();
                gatewaysWire.lose();
                return;
            }
            (random.nextBoolean() ? wire : gatewaysWire).carry(1 + random.nextInt(random.nextBoolean() ? 200 : 60_000));
            if (wire.isOver()) {
                wire.close();
            }
            if (gatewaysWire.isOver()) {
                gatewaysWire.close();
            }
        }

        void cut() {
            if (wire != null) {
                wire.cut();
            }
        }

        void connectIfDue() {
            if ((mux == null || !mux.isUp()) && ticker.nanoTime() - connectsAt >= 0) {
                connect();
            }
        }
    }

    /** Two programs that have a connection with each other. */
    final class Application {
        final int number;
        final Program caller;
        Program callee;

        Application(int number) {
            this.number = number;
            caller = new Program(this, 0);
            callee = new Program(this, 1);
        }

        /** Whether it was never begun, because there was no agent or no link just then. */
        boolean isRefused() {
            return callee.channel == null && caller.reset == Reason.NO_AGENT;
        }

        /** Whether it was given up before anything was exchanged: both have seen a reset. */
        boolean isGivenUp() {
            return caller.received == 0
                    && callee.received == 0
                    && caller.reset == Reason.UNKNOWN
                    && callee.reset != null;
        }

        /** Nothing more happens: but one whose caller's reset was lost with a link waits to be found forsaken. */
        boolean isOver() {
            return caller.isOver()
                    && (callee.channel == null || callee.isOver() || caller.aborted && !callee.channel.isAttached());
        }

        @Override
        public String toString() {
            return "flow " + number + " (" + caller + ", " + callee + ")";
        }
    }

    /** What one end of it sends and has received. */
    final class Program extends ChannelInboundHandlerAdapter {
        final Application of;
        final int direction;
        final long total = size();

        /** Whether it ends only when it has heard all from the other: nothing of its own comes to carry what was lost along. */
        final boolean hearsOut = random.nextBoolean();

        LinkFlow channel;
        boolean checks = true;
        long sent;
        long received;
        boolean shut;
        boolean flushed;
        boolean ended; // by the other's FIN
        boolean aborted; // by this one
        Reason reset;
        boolean closed;

        Program(Application of, int direction) {
            this.of = of;
            this.direction = direction;
        }

        private long size() {
            return switch (random.nextInt(4)) {
                case 0 -> 0;
                case 1 -> random.nextInt(20);
                case 2 -> random.nextInt(5_000);
                default -> random.nextInt(300_000);
            };
        }

        private byte at(int from, long offset) {
            return (byte) (of.number * 31 + from * 17 + offset * 7 + (offset >> 8));
        }

        Program other() {
            return this == of.caller ? of.callee : of.caller;
        }

        boolean isOver() {
            return closed;
        }

        /** It has ended in order, or has seen a reset, or was never there. */
        boolean ends() {
            return channel == null || isClean() || reset != null;
        }

        boolean isClean() {
            return ended && flushed && reset == null && !aborted;
        }

        void act() {
            LinkFlow c = channel;
            if (c == null || !c.isActive() || closed) {
                return;
            }
            if (!calm && weather.abort > 0 && random.nextInt(weather.abort) == 0) {
                aborted = true;
                c.close();
                return;
            }
            c.config().setAutoRead(calm || random.nextInt(4) > 0);
            if (sent < total && c.isWritable()) {
                int most = random.nextInt(3) == 0 ? 10 : 60_000;
                int n = (int) Math.min(total - sent, 1 + random.nextInt(most));
                byte[] b = new byte[n];
                for (int i = 0; i < n; i++) {
                    b[i] = at(direction, sent + i);
                }
                sent += n;
                c.writeAndFlush(allocator.directBuffer(n).writeBytes(b));
            } else if (sent == total && !shut && (!hearsOut || received == other().total) && random.nextInt(5) == 0) {
                shut = true;
                c.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(f -> {
                    if (f.isSuccess()) {
                        c.shutdownOutput().addListener(g -> {
                            flushed = g.isSuccess();
                            closeIfDone();
                        });
                    }
                });
            }
        }

        private void closeIfDone() {
            if (ended && flushed) {
                channel.close();
            }
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            byte[] found = new byte[b.readableBytes()];
            b.readBytes(found);
            b.release();
            for (byte one : found) {
                if (checks && (one != at(1 - direction, received) || received >= other().total)) {
                    failure = new AssertionError("at offset " + received + " of " + of + " came " + one);
                    return;
                }
                received++;
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event == ChannelInputShutdownEvent.INSTANCE) {
                if (received != other().total || ended) {
                    failure = new AssertionError("FIN at offset " + received + " of " + other().total + ", " + of);
                }
                ended = true;
                closeIfDone();
            }
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
            if (!(cause instanceof FlowException e)) {
                failure = cause;
                return;
            }
            reset = e.reason();
            ctx.close();
        }

        @Override
        public void handlerRemoved(ChannelHandlerContext ctx) {
            closed = true;
        }

        @Override
        public String toString() {
            return (direction == 0 ? "caller" : "callee") + " sent " + sent + "/" + total + ", received " + received
                    + (ended ? " ended" : "") + (flushed ? " shut" : "") + (aborted ? " aborted" : "")
                    + (reset == null ? "" : " " + reset) + (closed ? " closed" : "");
        }
    }

    Throwable failure;

    /** A new connection. */
    Application open() throws UnknownHostException {
        Application a = new Application(applications.size());
        applications.add(a);
        Destination d = Destination.of(Destination.TCP, InetAddress.getByName("10.0.0.1"), 1_000 + a.number);
        OpenRequest request = OpenRequest.ofClient(d, "office", new InetSocketAddress("192.0.2.9", 5_000 + a.number));
        a.caller.channel = client.mux.open(request, a.caller, true);
        a.caller.channel.opened().addListener(f -> {
            if (!f.isSuccess()) {
                a.caller.reset = ((FlowException) f.cause()).reason();
                a.caller.closed = true;
            }
        });
        return a;
    }

    /** Carries whatever is under way, until nothing is. */
    void carryAll() {
        for (int i = 0; i < 50; i++) {
            ticker.advance(1, TimeUnit.MILLISECONDS);
            loop.runNow();
            for (End end : List.of(client, agent)) {
                if (end.lost) {
                    end.carry();
                } else if (end.wire != null) {
                    end.wire.carry(Integer.MAX_VALUE);
                    end.gatewaysWire.carry(Integer.MAX_VALUE);
                }
            }
        }
    }

    /** The agent answers all that wait. */
    void answerAll() {
        while (!pending.isEmpty()) {
            answer();
        }
        carryAll();
    }

    /** The agent answers one that waits. */
    private void answer() {
        if (!pending.isEmpty()) {
            IncomingFlow flow = pending.remove(random.nextInt(pending.size()));
            if (!flow.isPending()) {
                return; // its path is gone, or another one has taken it
            }
            Application a = applications.get(flow.request().destination().port() - 1_000);
            if (a.callee.channel != null) { // the caller never heard that it was answered, and that one was given up
                if (a.callee.received > 0 || a.caller.received > 0) {
                    failure = new AssertionError("answered twice: " + a);
                }
                a.callee = new Program(a, 1);
            }
            LinkFlow answeredOne = flow.accept(a.callee, true);
            if (answeredOne != null) {
                a.callee.channel = answeredOne;
                a.callee.closed = false;
            }
        }
    }

    void step() {
        ticker.advance(random.nextInt(20), TimeUnit.MILLISECONDS);
        client.connectIfDue();
        agent.connectIfDue();
        for (int i = random.nextInt(4); i >= 0; i--) {
            (random.nextBoolean() ? client : agent).carry();
            loop.runNow();
        }
        if (random.nextInt(3) == 0) {
            answer();
        }
        for (Application a : applications) {
            (random.nextBoolean() ? a.caller : a.callee).act();
        }
        loop.runNow();
        if (failure != null) {
            throw new AssertionError(failure);
        }
    }

    private boolean happens(int onceIn) {
        return onceIn > 0 && random.nextInt(onceIn) == 0;
    }

    private void weather() {
        End one = random.nextBoolean() ? client : agent;
        if (happens(weather.cut)) {
            one.cut();
        }
        if (happens(weather.blackHole)) {
            one.lost = true;
            if (random.nextBoolean()) {
                ticker.advance(random.nextInt(20_000), TimeUnit.MILLISECONDS);
            }
        }
        if (happens(weather.restart)) {
            restart();
        }
        loop.runNow();
    }

    /** The gateway is killed, and another one has its place at once. */
    void restart() {
        client.cut();
        agent.cut();
        loop.runNow();
        gateway = newGateway();
    }

    /** Some connections, in bad weather and then in good, until all have ended. */
    void run(int flows) throws UnknownHostException {
        meet();
        for (int i = 0; i < STEPS; i++) {
            if (applications.size() < flows && client.isUp() && client.mux.canOpen() && random.nextInt(20) == 0) {
                open();
            }
            step();
            weather();
        }
        calmDown();
    }

    /** Until both are connected and know of each other. */
    void meet() {
        for (int i = 0; i < 1_000 && !(client.isUp() && agent.isUp()); i++) {
            step();
        }
        for (int i = 0; i < 200; i++) {
            step();
        }
    }

    /** Good weather, until all connections have ended, and one more: with it the agent hears which are over. */
    void calmDown() throws UnknownHostException {
        calm = true;
        for (End end : List.of(client, agent)) {
            if (end.lost) {
                end.cut();
            }
        }
        settle();
        if (weather.abort > 0) {
            pass(Duration.ofMinutes(6));
        }
        meet();
        open();
        settle();
        if (weather.abort > 0) {
            pass(Duration.ofSeconds(20));
        }
    }

    void pass(Duration time) {
        for (long left = time.toMillis(); left > 0; left -= 1_000) {
            ticker.advance(1_000, TimeUnit.MILLISECONDS);
            for (int i = 0; i < 8; i++) {
                client.carry();
                agent.carry();
                loop.runNow();
            }
        }
    }

    private void settle() {
        int quiet = 0;
        for (int i = 0; quiet < 300; i++) {
            if (i > CALM_STEPS) {
                throw new AssertionError("not ended: "
                        + applications.stream().filter(a -> !a.isOver()).toList() + ", held " + opened.heldCount() + "/"
                        + answered.heldCount());
            }
            step();
            quiet = applications.stream().allMatch(Application::isOver) ? quiet + 1 : 0;
        }
    }

    /** Flows that the gateway knows of. */
    int flowsAtGateway() {
        return gateway.links.all().stream().mapToInt(l -> l.flowCount()).sum();
    }

    /** Ends all, and returns what buffers are left. */
    long leftovers() {
        opened.close("the end");
        answered.close("the end");
        wires.forEach(Wire::cut);
        for (int i = 0; i < 2_000; i++) {
            ticker.advance(20, TimeUnit.MILLISECONDS);
            loop.runNow();
        }
        return allocator.metric().usedDirectMemory() + allocator.metric().usedHeapMemory();
    }

    @Override
    public void close() {
        for (End end : List.of(client, agent)) {
            for (Channel c : new Channel[] {end.wire, end.gatewaysWire}) {
                if (c != null) {
                    c.close();
                }
            }
        }
        loop.runNow();
        loop.shutdownGracefully(0, 0, TimeUnit.SECONDS);
        loop.runNow();
    }
}
