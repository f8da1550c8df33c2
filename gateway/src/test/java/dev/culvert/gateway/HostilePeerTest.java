package dev.culvert.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.TestNetwork.Raw;
import dev.culvert.gateway.limit.Backlog;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.util.ReferenceCountUtil;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Authenticated peers that break the protocol end their own link, and nobody else's. */
@NullUnmarked
final class HostilePeerTest {
    @TempDir
    Path dir;

    private TestNetwork net;

    @BeforeEach
    void start() throws Exception {
        net = new TestNetwork(dir, true, 2);
    }

    @AfterEach
    void stop() {
        net.close();
    }

    private Raw rawClient() throws Exception {
        return net.raw(net.clientToken("mallory", Instant.now().plusSeconds(3600), "office:10.0.0.0/24:1-1000"));
    }

    private static ByteBuf u32(long... values) {
        ByteBuf b = Unpooled.buffer();
        for (long v : values) {
            b.writeInt((int) v);
        }
        return b;
    }

    private static ByteBuf bytes(int n) {
        return Unpooled.wrappedBuffer(new byte[n]);
    }

    private static void open(Raw raw, int id, Destination d, long credit) throws Exception {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(d, "office", null, null, credit, 0, null).encode(b);
        raw.send(Frame.OPEN, 0, id, b);
    }

    /** A byte more than a flow's first credit, and no more before that than is worth new credit, however fast it is read. */
    private static void tooMuch(Raw raw, int id) throws Exception {
        raw.send(Frame.DATA, 0, id, bytes(1));
        raw.send(Frame.DATA, 0, id, bytes(65_536));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "opened",
                "refused",
                "data early",
                "data too much",
                "data after fin",
                "fin twice",
                "fin early",
                "fin on udp",
                "credit early",
                "credit too much",
                "credit on udp",
                "credit short",
                "datagram on tcp",
                "data on udp",
                "port without port",
                "hop limit without port",
                "error short",
                "open server id",
                "open id 0",
                "open twice",
                "open no agent",
                "open garbage",
                "open credit"
            })
    void clientThatBreaksTheProtocol(String how) throws Exception {
        // Port 9 is never answered: what is sent there is early, however late it comes. Port 8 does nothing, so that a
        // flow to it that the client has finished is not over.
        Peer agent = net.agent(
                "office",
                flow -> {
                    int port = flow.request().destination().port();
                    if (port == 8) {
                        flow.accept(new Still());
                    } else if (port != 9) {
                        TestFlow.echo(flow);
                    }
                },
                "10.0.0.0/24");
        Peer bystander = net.client("bystander", 1, "*:10.0.0.0/16");
        TestFlow kept = bystander.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
        assertThat(kept.refused()).isNull();
        Raw raw = rawClient();
        boolean early = how.endsWith("early");
        if (!early) {
            boolean finished = how.equals("fin twice") || how.equals("data after fin");
            open(raw, 2, TestNetwork.tcp("10.0.0.2", finished ? 8 : 2), 65_536);
            open(raw, 3, TestNetwork.udp("10.0.0.2", 3), 0);
            raw.next(Frame.OPENED);
            raw.next(Frame.OPENED);
        } else {
            open(raw, 2, TestNetwork.tcp("10.0.0.2", 9), 65_536);
        }
        switch (how) {
            case "opened" -> raw.send(Frame.OPENED, 0, 2, u32(1000, 0));
            case "refused" -> raw.send(Frame.REFUSED, 0, 2, bytes(1));
            case "data early", "data on udp" -> raw.send(Frame.DATA, 0, early ? 2 : 3, bytes(1));
            case "data too much" -> tooMuch(raw, 2);
            case "data after fin" -> {
                raw.send(Frame.FIN, 0, 2, bytes(0));
                raw.send(Frame.DATA, 0, 2, bytes(1));
            }
            case "fin twice" -> {
                raw.send(Frame.FIN, 0, 2, bytes(0));
                raw.send(Frame.FIN, 0, 2, bytes(0));
            }
            case "fin early" -> raw.send(Frame.FIN, 0, 2, bytes(0));
            case "fin on udp" -> raw.send(Frame.FIN, 0, 3, bytes(0));
            case "credit early" -> raw.send(Frame.CREDIT, 0, 2, u32(1));
            case "credit too much" -> raw.send(Frame.CREDIT, 0, 2, u32(0x7fff_ffff));
            case "credit on udp" -> raw.send(Frame.CREDIT, 0, 3, u32(1));
            case "credit short" -> raw.send(Frame.CREDIT, 0, 2, bytes(3));
            case "datagram on tcp" -> raw.send(Frame.DATAGRAM, 0, 2, bytes(3));
            case "port without port" -> raw.send(Frame.DATAGRAM, Frame.FLAG_PORT, 3, bytes(1));
            case "hop limit without port" ->
                raw.send(Frame.DATAGRAM, Frame.FLAG_PORT | Frame.FLAG_HOP_LIMIT, 3, bytes(2));
            case "error short" -> raw.send(Frame.DATAGRAM, Frame.FLAG_ERROR, 3, bytes(6));
            case "open server id" -> open(raw, Frame.SERVER_OPENED | 9, TestNetwork.tcp("10.0.0.2", 2), 0);
            case "open id 0" -> open(raw, 0, TestNetwork.tcp("10.0.0.2", 2), 0);
            case "open twice" -> open(raw, 2, TestNetwork.tcp("10.0.0.2", 2), 0);
            case "open garbage" -> raw.send(Frame.OPEN, 0, 9, bytes(7));
            case "open credit" -> open(raw, 9, TestNetwork.tcp("10.0.0.2", 2), 0x7fff_ffff);
            default -> {
                ByteBuf b = Unpooled.buffer();
                new OpenRequest(TestNetwork.tcp("10.0.0.2", 2), null, null, null, 0, 0, null).encode(b);
                raw.send(Frame.OPEN, 0, 9, b);
            }
        }
        String why = raw.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        assertThat(why).matches("(?s)(OPEN|DATA|FIN|CREDIT|REFUSED|DATAGRAM|OPENED).*");
        kept.send(new byte[] {1, 2, 3});
        kept.finish();
        assertThat(kept.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).containsExactly(1, 2, 3);
        assertThat(agent.down).isNotDone();
        assertThat(bystander.down).isNotDone();
        await().until(() -> net.flowsAtGateway() == 0);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "opened twice",
                "data early",
                "fin early",
                "data too much",
                "refused when open",
                "open",
                "announce",
                "announce route",
                "opened credit",
                "credit too much",
                "port without port"
            })
    void agentThatBreaksTheProtocol(String how) throws Exception {
        Raw raw = net.rawAgent("office", "10.0.0.0/24");
        Peer other = net.agent("other", TestFlow::echo, "10.0.1.0/24");
        Peer client = net.client("laptop", 2, "*:10.0.0.0/16");
        TestFlow kept = client.open(TestNetwork.open(TestNetwork.tcp("10.0.1.1", 1), "other"));
        assertThat(kept.refused()).isNull();
        TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", 1), "office"));
        int id = raw.next(Frame.OPEN).flowId();
        TestFlow udp = client.open(TestNetwork.open(TestNetwork.udp("10.0.0.1", 1), "office"));
        int udpId = raw.next(Frame.OPEN).flowId();
        boolean early = how.endsWith("early") || how.equals("opened credit");
        if (!early) {
            raw.send(Frame.OPENED, 0, id, u32(1000, 0));
            assertThat(flow.refused()).isNull();
        }
        switch (how) {
            case "opened twice" -> raw.send(Frame.OPENED, 0, id, u32(1000, 0));
            case "opened credit" -> raw.send(Frame.OPENED, 0, id, u32(0x7fff_ffff, 0));
            case "data early" -> raw.send(Frame.DATA, 0, id, bytes(1));
            case "fin early" -> raw.send(Frame.FIN, 0, id, bytes(0));
            case "data too much" -> tooMuch(raw, id);
            case "refused when open" -> raw.send(Frame.REFUSED, 0, id, bytes(1));
            case "open" -> open(raw, 4, TestNetwork.tcp("10.0.0.1", 1), 0);
            case "announce" -> raw.send(Frame.ANNOUNCE, 0, 0, bytes(10));
            case "announce route" ->
                raw.send(
                        Frame.ANNOUNCE,
                        0,
                        0,
                        Unpooled.copiedBuffer(
                                "{\"instance\":\"x\",\"routes\":[\"nonsense\"]}", StandardCharsets.UTF_8));
            case "credit too much" -> raw.send(Frame.CREDIT, 0, id, u32(0x7fff_ffff));
            default -> raw.send(Frame.DATAGRAM, Frame.FLAG_PORT, udpId, bytes(1));
        }
        raw.down.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        if (early) {
            assertThat(flow.refused()).isEqualTo(Reason.LINK_LOST);
        } else {
            assertThat(flow.ended()).isIn(Reason.LINK_LOST, Reason.PROTOCOL_ERROR);
        }
        assertThat(udp.refused()).isEqualTo(Reason.LINK_LOST);
        kept.send(new byte[] {1, 2, 3});
        kept.finish();
        assertThat(kept.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).containsExactly(1, 2, 3);
        assertThat(client.down).isNotDone();
        assertThat(other.down).isNotDone();
        await().until(() -> net.flowsAtGateway() == 0);
    }

    /** A grant is for ports; a datagram that names another port of the same host must have one for it too. */
    @Test
    void datagramToAnotherPortNeedsAGrantForIt() throws Exception {
        Raw agent = net.rawAgent("office", "10.0.0.0/24");
        Raw raw = rawClient(); // ports 1 to 1000
        open(raw, 3, TestNetwork.udp("10.0.0.2", 3), 0);
        int id = agent.next(Frame.OPEN).flowId();
        for (int port : new int[] {1001, 0, 1000, 22_222, 7}) {
            raw.send(
                    Frame.DATAGRAM,
                    Frame.FLAG_PORT,
                    3,
                    Unpooled.buffer().writeShort(port).writeInt(port));
        }
        raw.send(Frame.DATAGRAM, 0, 3, bytes(1));
        TestNetwork.Received first = agent.next(Frame.DATAGRAM);
        assertThat(first.flowId()).isEqualTo(id);
        assertThat(Unpooled.wrappedBuffer(first.payload()).readUnsignedShort()).isEqualTo(1000);
        assertThat(Unpooled.wrappedBuffer(agent.next(Frame.DATAGRAM).payload()).readUnsignedShort())
                .isEqualTo(7);
        assertThat(agent.next(Frame.DATAGRAM).flags()).isZero();
        assertThat(net.services().counters().denied.sum()).isEqualTo(3);
    }

    /** Frames without content are bounded by no credit, so they are not kept. */
    @Test
    void emptyDataIsNotPassedOn() throws Exception {
        Raw agent = net.rawAgent("office", "10.0.0.0/24");
        Raw raw = rawClient();
        open(raw, 2, TestNetwork.tcp("10.0.0.2", 2), 65_536);
        agent.send(Frame.OPENED, 0, agent.next(Frame.OPEN).flowId(), u32(65_536, 0));
        raw.next(Frame.OPENED);
        for (int i = 0; i < 1_000; i++) {
            raw.send(Frame.DATA, 0, 2, bytes(0));
        }
        raw.send(Frame.DATA, 0, 2, bytes(5));
        assertThat(agent.next(Frame.DATA).payload()).hasSize(5);
    }

    /** Two machines with one token may have one address, and must not get each other's datagrams. */
    @Test
    void linksOfOneClientAreToldApartAtTheAgent() throws Exception {
        Raw agent = net.rawAgent("office", "10.0.0.0/24");
        Set<String> clients = new HashSet<>();
        for (int i = 0; i < 2; i++) {
            open(rawClient(), 2, TestNetwork.udp("10.0.0.2", 2), 0);
            OpenRequest seen = OpenRequest.decode(
                    Unpooled.wrappedBuffer(agent.next(Frame.OPEN).payload()));
            assertThat(seen.clientName()).isEqualTo("mallory");
            clients.add(seen.client());
        }
        assertThat(clients).hasSize(2);
    }

    /** Tens of thousands of flows that end at once are more control frames than a link may have waiting. */
    @Test
    void clientThatLeavesWithManyFlowsHurtsNoAgent() throws Exception {
        Peer agent = net.agent("office", flow -> {}, "10.0.0.0/24");
        Peer bystander = net.client("bystander", 1, "*:10.0.0.0/16");
        Raw raw = rawClient();
        Link link = raw.up.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        int flows = 70_000;
        for (int sent = 0; sent < flows; ) {
            int from = sent;
            int to = sent + 5_000;
            link.eventLoop()
                    .submit(() -> {
                        for (int i = from; i < to; i++) {
                            ByteBuf b = Unpooled.buffer();
                            new OpenRequest(TestNetwork.tcp("10.0.0.2", 2), "office", null, null, 0, 0, null).encode(b);
                            link.writer().control(Frame.OPEN, 0, i + 1, b);
                        }
                        return null;
                    })
                    .get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
            sent = to;
            await().until(() -> agent.flows() == to);
        }
        link.eventLoop().execute(() -> link.close(1000, "bye"));
        await().until(() -> agent.flows() == 0);
        assertThat(agent.down).isNotDone();
        assertThat(bystander.down).isNotDone();
        assertThat(net.flowsAtGateway()).isZero();
    }

    /** What a client does not read waits within its own credit; everybody else goes on. */
    @Test
    void slowClientStallsOnlyItself() throws Exception {
        Peer agent = net.agent(
                "office",
                flow -> {
                    if (flow.request().destination().port() == 9) {
                        flow.accept(new Flood());
                    } else {
                        TestFlow.echo(flow);
                    }
                },
                "10.0.0.0/24");
        Raw slow = rawClient();
        Peer client = net.client("laptop", 1, "*:10.0.0.0/16");
        long credit = 8 << 20;
        open(slow, 2, TestNetwork.tcp("10.0.0.2", 9), credit);
        Link link = slow.up.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        link.channel().config().setAutoRead(false);
        Backlog backlog = net.services().backlog();
        await().until(() -> backlog.total() > 1 << 20);
        for (int i = 1; i < 9; i++) {
            TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.0.1", i), "office"));
            byte[] bytes = new byte[300_000];
            new Random(i).nextBytes(bytes);
            flow.send(bytes);
            flow.finish();
            assertThat(flow.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS)).isEqualTo(bytes);
        }
        assertThat(backlog.total()).isLessThan(credit + (1 << 20));
        assertThat(agent.down).isNotDone();
        link.channel().config().setAutoRead(true);
        await().until(() -> slow.frames.stream()
                        .filter(f -> f.type() == Frame.DATA)
                        .mapToInt(f -> f.payload().length)
                        .sum()
                == credit);
    }

    /** Takes what comes and does nothing with it. */
    private static final class Still extends io.netty.channel.ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(io.netty.channel.ChannelHandlerContext ctx, Object msg) {
            ReferenceCountUtil.release(msg);
        }

        @Override
        public void exceptionCaught(io.netty.channel.ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** Sends for ever, as fast as it may. */
    private static final class Flood extends io.netty.channel.ChannelInboundHandlerAdapter {
        @Override
        public void channelActive(io.netty.channel.ChannelHandlerContext ctx) {
            pump(ctx);
        }

        @Override
        public void channelWritabilityChanged(io.netty.channel.ChannelHandlerContext ctx) {
            pump(ctx);
        }

        private static void pump(io.netty.channel.ChannelHandlerContext ctx) {
            while (ctx.channel().isActive() && ctx.channel().isWritable()) {
                ctx.writeAndFlush(ctx.alloc().directBuffer(16_000).writeZero(16_000), ctx.voidPromise());
            }
        }

        @Override
        public void exceptionCaught(io.netty.channel.ChannelHandlerContext ctx, Throwable cause) {
            ctx.close();
        }
    }

    /** Any frames whatever, from a client and from an agent. */
    @Test
    void randomFramesHurtNobodyElse() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Peer agent = net.agent("other", TestFlow::echo, "10.0.1.0/24");
        Peer client = net.client("laptop", 1, "*:10.0.0.0/16");
        for (int round = 0; round < 60; round++) {
            boolean asClient = random.nextBoolean();
            Raw raw = asClient
                    ? net.raw(net.clientToken("mallory", Instant.now().plusSeconds(99), "*:10.0.0.0/16"))
                    : net.raw(net.agentToken("office", "10.0.0.0/24"));
            for (int i = 0; i < 60; i++) {
                int id = random.nextInt(6) | (random.nextInt(4) == 0 ? Frame.SERVER_OPENED : 0);
                if (asClient && random.nextInt(3) == 0) {
                    ByteBuf b = Unpooled.buffer();
                    new OpenRequest(
                                    random.nextBoolean()
                                            ? TestNetwork.tcp("10.0.1.1", 1 + random.nextInt(9))
                                            : TestNetwork.udp("10.0.1.1", 1 + random.nextInt(9)),
                                    "other",
                                    null,
                                    null,
                                    random.nextInt(100_000),
                                    0,
                                    null)
                            .encode(b);
                    if (random.nextInt(10) == 0) {
                        b.setByte(random.nextInt(b.readableBytes()), random.nextInt());
                    }
                    raw.send(Frame.OPEN, 0, id & 0x7fff_ffff, b);
                } else {
                    byte[] b = new byte[random.nextInt(random.nextInt(9) == 0 ? 60_000 : 12)];
                    random.nextBytes(b);
                    raw.send(random.nextInt(14), random.nextInt(4), id, Unpooled.wrappedBuffer(b));
                }
            }
            TestFlow flow = client.open(TestNetwork.open(TestNetwork.tcp("10.0.1.1", 1), "other"));
            flow.send(new byte[] {4, 5});
            flow.finish();
            assertThat(flow.all.get(TestNetwork.PATIENCE, TimeUnit.SECONDS))
                    .as("seed %d, round %d", seed, round)
                    .containsExactly(4, 5);
            Link link = raw.up.join();
            link.eventLoop().execute(() -> link.close(1000, "next"));
        }
        assertThat(agent.down).as("seed %d", seed).isNotDone();
        assertThat(client.down).as("seed %d", seed).isNotDone();
        await().untilAsserted(() ->
                assertThat(net.flowsAtGateway()).as("seed %d", seed).isZero());
        await().untilAsserted(
                        () -> assertThat(agent.flows()).as("seed %d", seed).isZero());
    }
}
