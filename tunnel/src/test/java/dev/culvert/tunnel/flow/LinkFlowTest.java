package dev.culvert.tunnel.flow;

import static dev.culvert.tunnel.fixture.LinkPair.tcp;
import static dev.culvert.tunnel.fixture.LinkPair.udp;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.LinkPair.Flows;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.PortedDatagram;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The life of flows between two multiplexers: opening, bytes, half-close, resets, datagrams. */
@NullUnmarked
public class LinkFlowTest {
    private LinkPair pair = new LinkPair();
    private final FlowRecorder a = new FlowRecorder();
    private final FlowRecorder b = new FlowRecorder();

    @AfterEach
    void close() {
        pair.close();
    }

    public static ByteBuf text(String s) {
        return Unpooled.copiedBuffer(s, StandardCharsets.UTF_8);
    }

    public static byte[] random(long seed, int n) {
        byte[] bytes = new byte[n];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Of one's own flows, too, as at an agent: however many one holder has, and whether they are read. */
    @Test
    void flowsThatAreOpenedForSeveralShareBetweenThoseFirst() {
        List<LinkFlow> flows = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            flows.add(pair.client.mux.openFor("many", LinkPair.request(tcp()), new FlowRecorder()));
        }
        flows.add(pair.client.mux.openFor("one", LinkPair.request(tcp()), new FlowRecorder()));
        flows.add(pair.client.mux.open(LinkPair.request(tcp()), new FlowRecorder()));
        assertThat(flows).extracting(LinkFlow::holder).containsExactly("many", "many", "many", "one", "");
        assertThat(pair.client.mux.budget().holders()).isEqualTo(2);
        flows.forEach(LinkFlow::close);
        pair.pump();
        assertThat(pair.client.mux.budget().holders()).isZero();
        assertThat(pair.client.mux.budget().left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void openTellsTheRequestAndOpenedActivatesBothEnds() throws Exception {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a);
        assertThat(opener.isOpen()).isTrue();
        assertThat(opener.isActive()).isFalse();
        pair.pump();
        IncomingFlow incoming = pair.server.incoming.remove();
        assertThat(incoming.isPending()).isTrue();
        assertThat(incoming.request().destination()).isEqualTo(tcp());
        assertThat(incoming.request().agent()).isEqualTo("office");
        assertThat(incoming.request().credit()).isEqualTo(FlowMemory.MOST);
        assertThat(opener.opened().isDone()).isFalse();

        LinkFlow answerer = incoming.accept(b);
        assertThat(answerer.isActive()).isTrue();
        pair.pump();
        assertThat(opener.opened().isSuccess()).isTrue();
        assertThat(a.events).containsExactly("active");
        assertThat(b.events).containsExactly("active");
        assertThat(opener.sendCredit()).isEqualTo(FlowMemory.MOST);
        assertThat(answerer.sendCredit()).isEqualTo(FlowMemory.MOST);
        assertThat(incoming.accept(new FlowRecorder())).as("a second answer").isNull();
        assertThat(opener.flowId() & Frame.SERVER_OPENED).isZero();
    }

    @Test
    void aProbeIsPassedOnAndAnswered() {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a, true);
        pair.pump();
        IncomingFlow incoming = pair.server.incoming.remove();
        assertThat(incoming.probes()).isTrue();
        LinkFlow answerer = incoming.accept(b, true);
        int[] told = {0, 0};
        opener.onProbe(() -> told[0]++);
        answerer.onProbe(() -> told[1]++);
        pair.pump();

        assertThat(opener.probe()).isTrue();
        assertThat(opener.probe()).isTrue();
        pair.pump();
        assertThat(told).as("a state, not an event").containsExactly(0, 1);
        answerer.alive();
        answerer.alive();
        pair.pump();
        assertThat(told).containsExactly(1, 1);
        assertThat(opener.sendCredit()).isEqualTo(FlowMemory.MOST);

        opener.close();
        assertThat(opener.probe()).isFalse();
        pair.pump();
        answerer.alive();
        pair.pump();
        assertThat(pair.client.downs).isEmpty();
    }

    /** Who does not answer is not asked, and who will not be asked does not say that it would answer. */
    @ParameterizedTest
    @CsvSource({"true,false", "false,true", "false,false"})
    void probesTakeBothEnds(boolean asks, boolean answers) {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a, asks);
        pair.pump();
        IncomingFlow incoming = pair.server.incoming.remove();
        assertThat(incoming.probes()).isEqualTo(asks);
        incoming.accept(b, answers);
        pair.pump();
        assertThat(opener.probe()).isFalse();
    }

    @Test
    void serverOpenedFlowsHaveTheHighBit() {
        Flows f = pair.open(pair.server, pair.client, tcp(), a, b);
        assertThat(f.a().flowId() & Frame.SERVER_OPENED).isNotZero();
        assertThat(f.b().isActive()).isTrue();
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void refusalCarriesReasonAndText(Reason reason) {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a);
        pair.pump();
        pair.server.incoming.remove().refuse(reason, reason == Reason.RESET ? "" : "why\nnot");
        pair.pump();
        FlowException cause = (FlowException) opener.opened().cause();
        assertThat(cause.reason()).isEqualTo(reason);
        assertThat(cause).hasMessage(reason == Reason.RESET ? reason.words() : "why\\u000anot");
        assertThat(opener.isOpen()).isFalse();
        assertThat(a.events).isEmpty(); // never was active
        assertThat(pair.client.mux.flowCount()).isZero();
        assertThat(pair.server.mux.flowCount()).isZero();
    }

    @Test
    void closingAPendingFlowAbandonsItAtTheOtherEnd() {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a);
        pair.pump();
        IncomingFlow incoming = pair.server.incoming.remove();
        int[] abandoned = {0};
        incoming.onAbandoned(() -> abandoned[0]++);
        opener.close();
        assertThat(((FlowException) opener.opened().cause()).reason()).isEqualTo(Reason.CANCELLED);
        pair.pump();
        assertThat(abandoned[0]).isEqualTo(1);
        assertThat(incoming.isPending()).isFalse();
        assertThat(incoming.accept(b)).isNull();
        incoming.refuse(Reason.TIMED_OUT, "late");
        pair.pump();
        assertThat(pair.server.mux.flowCount()).isZero();
        assertThat(pair.client.link.isDown()).isFalse();
    }

    @Test
    void aFlowClosedByItsHandlerWhileItIsMadeIsOpenedAndResetInThatOrder() {
        LinkFlow flow = pair.client.mux.open(LinkPair.request(udp()), new ChannelInboundHandlerAdapter() {
            @Override
            public void channelActive(ChannelHandlerContext ctx) {
                ctx.close();
            }
        });
        pair.pump();
        assertThat(flow.isOpen()).isFalse();
        assertThat(pair.server.incoming.remove().isPending()).isFalse();
        assertThat(pair.server.mux.flowCount()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"1,false", "1,true", "60000,true", "1000000,true", "1500000,false"})
    void bytesGoBothWays(int size, boolean cut) {
        pair.cut = cut;
        Flows f = pair.open(a, b);
        byte[] there = random(2, size);
        byte[] back = random(3, size);
        f.a().writeAndFlush(Unpooled.wrappedBuffer(there));
        f.b().writeAndFlush(Unpooled.wrappedBuffer(back));
        pair.pump();
        assertThat(b.bytes.toByteArray()).isEqualTo(there);
        assertThat(a.bytes.toByteArray()).isEqualTo(back);
    }

    @Test
    void whatIsNotReadStaysWithinCreditAndTheSenderStopsBeingWritable() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows f = pair.open(a, slow);
        byte[] sent = random(4, 1_000_000);
        ChannelFuture done = f.a().writeAndFlush(Unpooled.wrappedBuffer(sent));
        pair.pump();
        assertThat(slow.bytes.size()).isZero();
        assertThat(f.a().sendCredit()).isZero();
        assertThat(f.a().isWritable()).isFalse();
        assertThat(done.isDone()).isFalse();
        assertThat(pair.server.link.bytesIn()).isBetween(65_536L, 67_000L);

        f.b().read();
        pair.pump();
        int first = slow.bytes.size();
        assertThat(first).isGreaterThanOrEqualTo(FlowMemory.MOST).isLessThan(sent.length);

        f.b().config().setAutoRead(true);
        pair.pump();
        assertThat(slow.bytes.toByteArray()).isEqualTo(sent);
        assertThat(done.isSuccess()).isTrue();
        assertThat(f.a().isWritable()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void halfCloseInEitherOrder(boolean aFirst) {
        Flows f = pair.open(a, b);
        LinkFlow first = aFirst ? f.a() : f.b();
        LinkFlow second = aFirst ? f.b() : f.a();
        FlowRecorder firstRec = aFirst ? a : b;
        FlowRecorder secondRec = aFirst ? b : a;
        first.writeAndFlush(text("last words"));
        first.shutdownOutput();
        pair.pump();
        assertThat(secondRec.text()).isEqualTo("last words");
        assertThat(secondRec.events).containsExactly("active", "fin");
        assertThat(second.isInputShutdown()).isTrue();

        second.writeAndFlush(text("still here"));
        pair.pump();
        assertThat(firstRec.text()).isEqualTo("still here");
        second.shutdownOutput();
        pair.pump();
        assertThat(firstRec.events).containsExactly("active", "fin");
        first.close();
        second.close();
        pair.pump();
        assertThat(firstRec.events).containsExactly("active", "fin", "inactive");
        assertThat(secondRec.events).containsExactly("active", "fin", "inactive");
        assertThat(pair.client.mux.unknownFrames() + pair.server.mux.unknownFrames())
                .as("no RESET for flows that ended in order")
                .isZero();
    }

    @Test
    void finComesAfterDataThatIsStillInTheOutlet() {
        Flows f = pair.open(a, b);
        pair.client.gate.shut();
        byte[] sent = random(5, 60_000);
        f.a().writeAndFlush(Unpooled.wrappedBuffer(sent));
        f.a().shutdownOutput();
        pair.pump();
        assertThat(b.bytes.size()).isZero();
        pair.client.gate.open();
        pair.pump();
        assertThat(b.bytes.toByteArray()).isEqualTo(sent);
        assertThat(b.events).containsExactly("active", "fin");
    }

    @Test
    void finIsToldOnlyAfterUnreadDataHasBeenRead() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows f = pair.open(a, slow);
        f.a().writeAndFlush(text("abc"));
        f.a().shutdownOutput();
        pair.pump();
        assertThat(slow.events).containsExactly("active");
        f.b().read();
        pair.pump();
        assertThat(slow.text()).isEqualTo("abc");
        f.b().read();
        pair.pump();
        assertThat(slow.events).containsExactly("active", "fin");
    }

    @Test
    void closeAfterBothFinsStillSendsWhatTheOutletHolds() {
        Flows f = pair.open(a, b);
        f.b().shutdownOutput();
        pair.pump();
        pair.client.gate.shut();
        byte[] sent = random(6, 50_000);
        f.a().writeAndFlush(Unpooled.wrappedBuffer(sent));
        f.a().shutdownOutput();
        f.a().close();
        pair.pump();
        assertThat(pair.client.mux.flowCount()).isZero();
        pair.client.gate.open();
        pair.pump();
        assertThat(b.bytes.toByteArray()).isEqualTo(sent);
        assertThat(b.events).containsExactly("active", "fin");
    }

    @Test
    void halfCloseWhilePendingArrivesOnceTheFlowIsOpen() {
        LinkFlow opener = pair.client.mux.open(LinkPair.request(tcp()), a);
        opener.shutdownOutput();
        pair.pump();
        pair.server.incoming.remove().accept(b);
        pair.pump();
        assertThat(b.events).containsExactly("active", "fin");
        assertThat(pair.server.mux.unknownFrames()).isZero();
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"CANCELLED", "IDLE", "SHUTTING_DOWN", "CONNECTION_REFUSED"})
    void closeBeforeTheEndResets(Reason reason) {
        Flows f = pair.open(a, b);
        f.a().closeReason(reason);
        f.a().close();
        pair.pump();
        assertThat(b.events).containsExactly("active", reason.name(), "inactive");
        assertThat(a.events).containsExactly("active", "inactive");
        assertThat(pair.server.mux.flowCount()).isZero();
    }

    @Test
    void closeAfterOnlyOurFinResets() {
        Flows f = pair.open(a, b);
        f.a().shutdownOutput();
        f.a().close();
        pair.pump();
        assertThat(b.events).last().isEqualTo("inactive");
        assertThat(b.error).isInstanceOf(FlowException.class);
    }

    @Test
    void closingInTheMiddleOfUnreadDataReleasesIt() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows f = pair.open(a, slow);
        for (int i = 0; i < 20; i++) {
            f.a().writeAndFlush(Unpooled.wrappedBuffer(random(i, 2_000)));
            pair.pump();
        }
        slow.onRead = () -> slow.channel.close();
        f.b().read();
        pair.pump();
        assertThat(slow.bytes.size()).as("only what was read before it closed").isEqualTo(2_000);
        assertThat(slow.error).isNull();
        assertThat(slow.events).containsExactly("active", "inactive");
    }

    @Test
    void smallFramesThatAreNotReadAreGathered() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows f = pair.open(a, slow);
        for (int i = 0; i < 3_000; i++) {
            f.a().writeAndFlush(Unpooled.wrappedBuffer(new byte[] {(byte) i}));
            pair.pump();
        }
        int[] reads = {0};
        slow.onRead = () -> reads[0]++;
        f.b().config().setAutoRead(true);
        pair.pump();
        assertThat(reads[0]).isLessThan(5);
        byte[] got = slow.bytes.toByteArray();
        assertThat(got).hasSize(3_000);
        for (int i = 0; i < got.length; i++) {
            assertThat(got[i]).isEqualTo((byte) i);
        }
    }

    @Test
    void aBrokenLinkTellsEveryFlowThenClosesIt() {
        Flows one = pair.open(a, b);
        FlowRecorder c = new FlowRecorder();
        LinkFlow pending = pair.client.mux.open(LinkPair.request(tcp()), c);
        FlowRecorder d = new FlowRecorder();
        LinkFlow datagrams = pair.client.mux.open(LinkPair.request(udp()), d);
        pair.pump();
        int[] abandoned = {0};
        pair.server.incoming.forEach(i -> i.onAbandoned(() -> abandoned[0]++));

        pair.client.channel.close();
        pair.pump();
        assertThat(a.events).containsExactly("active", "LINK_LOST", "inactive");
        assertThat(b.events).containsExactly("active", "LINK_LOST", "inactive");
        assertThat(a.error).hasMessageStartingWith("link lost: ");
        assertThat(((FlowException) pending.opened().cause()).reason()).isEqualTo(Reason.LINK_LOST);
        assertThat(c.events).isEmpty();
        assertThat(((FlowException) datagrams.opened().cause()).reason()).isEqualTo(Reason.LINK_LOST);
        assertThat(d.events).containsExactly("active", "LINK_LOST", "inactive");
        assertThat(abandoned[0]).isEqualTo(2);
        assertThat(pair.client.downs).hasSize(1);
        assertThat(pair.server.downs).hasSize(1);
        assertThat(one.a().isOpen()).isFalse();
        assertThat(pair.client.mux.canOpen()).isFalse();
        assertThatThrownBy(() -> pair.client.mux.open(LinkPair.request(tcp()), new FlowRecorder()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("link is down");
        for (IncomingFlow late : pair.server.incoming) {
            assertThat(late.accept(new FlowRecorder())).isNull();
        }
    }

    @Test
    void aPendingFlowCannotBeAcceptedWhileTheLinkGoesDown() {
        pair.client.mux.open(LinkPair.request(tcp()), a);
        Flows f = pair.open(pair.server, pair.client, tcp(), b, new FlowRecorder());
        IncomingFlow pending = pair.server.incoming.remove();
        LinkFlow[] accepted = {null};
        f.a().closeFuture().addListener(x -> accepted[0] = pending.accept(new FlowRecorder()));
        pair.server.channel.close();
        pair.pump();
        assertThat(accepted[0]).isNull();
        assertThat(pending.isPending()).isFalse();
    }

    @Test
    void oneSlowFlowDoesNotDelayAnother() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows stuck = pair.open(a, slow);
        FlowRecorder c = new FlowRecorder();
        FlowRecorder d = new FlowRecorder();
        Flows free = pair.open(c, d);
        stuck.a().writeAndFlush(Unpooled.wrappedBuffer(random(7, 500_000)));
        byte[] sent = random(8, 500_000);
        free.a().writeAndFlush(Unpooled.wrappedBuffer(sent));
        pair.pump();
        assertThat(d.bytes.toByteArray()).isEqualTo(sent);
        assertThat(stuck.a().sendCredit()).isZero();
    }

    @Test
    void datagramsGoBothWaysWithTheirBoundaries() {
        Flows f = pair.open(pair.client, pair.server, udp(), a, b);
        assertThat(f.a().request().destination().isStream()).isFalse();
        for (int size : new int[] {0, 1, 1_400, 16_368, 16_369, 65_507, Frame.MAX_PAYLOAD}) {
            f.a().writeAndFlush(Unpooled.wrappedBuffer(random(size, size)));
            f.b().writeAndFlush(Unpooled.wrappedBuffer(random(size + 1, size)));
            pair.pump();
            assertThat(b.datagrams.remove(0)).isEqualTo(random(size, size));
            assertThat(a.datagrams.remove(0)).isEqualTo(random(size + 1, size));
        }
        f.a().writeAndFlush(new PortedDatagram(40_000, Unpooled.wrappedBuffer(random(9, 65_507))));
        pair.pump();
        assertThat(b.ports).containsExactly(40_000);
        assertThat(b.datagrams).singleElement().isEqualTo(random(9, 65_507));
    }

    @Test
    void datagramsMayBeSentBeforeTheFlowIsAnsweredAndDoNotHurt() {
        LinkFlow flow = pair.client.mux.open(LinkPair.request(udp()), a);
        flow.writeAndFlush(text("early"));
        pair.pump();
        assertThat(pair.server.mux.unknownFrames()).isEqualTo(1);
        pair.server.incoming.remove().accept(b);
        flow.writeAndFlush(text("later"));
        pair.pump();
        assertThat(b.text()).isEqualTo("later");
        assertThat(flow.opened().isSuccess()).isTrue();
    }

    @Test
    void refusedDatagramFlowsTellTheirHandlers() {
        LinkFlow flow = pair.client.mux.open(LinkPair.request(udp()), a);
        pair.pump();
        pair.server.incoming.remove().refuse(Reason.PROHIBITED, "");
        pair.pump();
        assertThat(a.events).containsExactly("active", "PROHIBITED", "inactive");
        assertThat(((FlowException) flow.opened().cause()).reason()).isEqualTo(Reason.PROHIBITED);
    }

    @Test
    void unsentDatagramsAreBoundedInBytesAndNumber() {
        Flows f = pair.open(pair.client, pair.server, udp(), a, b);
        pair.client.gate.shut();
        for (int i = 0; i < 100; i++) {
            f.a().writeAndFlush(Unpooled.wrappedBuffer(random(i, 60_000)));
        }
        assertThat(pair.client.link.writer().queuedBytes()).isLessThanOrEqualTo(Outlet.MAX_DATAGRAM_BACKLOG);
        assertThat(pair.client.mux.droppedDatagrams()).isEqualTo(100 - Outlet.MAX_DATAGRAM_BACKLOG / 60_000);
        FlowRecorder c = new FlowRecorder();
        pair.client.gate.open();
        pair.pump();
        Flows g = pair.open(pair.client, pair.server, udp(), c, new FlowRecorder());
        long before = pair.client.mux.droppedDatagrams();
        pair.client.gate.shut();
        for (int i = 0; i < Outlet.MAX_DATAGRAMS + 10; i++) {
            g.a().writeAndFlush(Unpooled.EMPTY_BUFFER);
        }
        assertThat(pair.client.mux.droppedDatagrams() - before).isEqualTo(10);
        pair.client.gate.open();
    }

    @Test
    void unreadDatagramsAreBounded() {
        FlowRecorder slow = new FlowRecorder(false);
        Flows f = pair.open(pair.client, pair.server, udp(), a, slow);
        for (int i = 0; i < 300; i++) {
            f.a().writeAndFlush(text("d" + i));
            pair.pump();
        }
        assertThat(pair.server.mux.droppedDatagrams()).isEqualTo(44);
        f.b().config().setAutoRead(true);
        pair.pump();
        assertThat(slow.datagrams).hasSize(256);
        assertThat(slow.datagrams.get(255)).asString(StandardCharsets.UTF_8).isEqualTo("d255");
    }

    @Test
    void whatAFlowCannotCarryIsRefusedToItsWriter() {
        Flows f = pair.open(pair.client, pair.server, udp(), a, b);
        ChannelFuture tooBig = f.a().writeAndFlush(Unpooled.wrappedBuffer(new byte[Frame.MAX_PAYLOAD + 1]));
        ChannelFuture tooBigWithPort =
                f.a().writeAndFlush(new PortedDatagram(1, Unpooled.wrappedBuffer(new byte[Frame.MAX_PAYLOAD - 1])));
        ChannelFuture noBuffer = f.a().writeAndFlush("text");
        assertThat(tooBig.cause()).hasMessageContaining("65537 bytes");
        assertThat(tooBigWithPort.cause()).hasMessageContaining("65535 bytes");
        assertThat(noBuffer.cause()).hasMessageContaining("cannot carry a String");
        pair.pump();
        assertThat(pair.server.link.isDown()).isFalse();
        assertThat(b.datagrams).isEmpty();
        Flows g = pair.open(new FlowRecorder(), new FlowRecorder());
        ChannelFuture ported = g.a().writeAndFlush(new PortedDatagram(1, text("x")));
        assertThat(ported.cause()).isInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void manyFlowsComeAndGoWithoutTrace() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        pair.cut = true;
        for (int i = 0; i < 100; i++) {
            FlowRecorder x = new FlowRecorder();
            FlowRecorder y = new FlowRecorder();
            boolean fromClient = random.nextBoolean();
            Flows f = fromClient
                    ? pair.open(pair.client, pair.server, tcp(), x, y)
                    : pair.open(pair.server, pair.client, tcp(), x, y);
            byte[] sent = random(i, random.nextInt(100_000));
            f.a().writeAndFlush(Unpooled.wrappedBuffer(sent)).addListener(done -> f.a().shutdownOutput());
            if (random.nextInt(4) == 0) {
                pair.carry(pair.client, pair.server);
                f.b().close();
                pair.pump();
                assertThat(f.a().isOpen()).as("seed %d", seed).isFalse();
                continue;
            }
            pair.pump();
            assertThat(y.bytes.toByteArray()).as("seed %d", seed).isEqualTo(sent);
            f.b().shutdownOutput();
            pair.pump();
            f.a().close();
            f.b().close();
            pair.pump();
        }
        assertThat(pair.client.mux.flowCount()).as("seed %d", seed).isZero();
        assertThat(pair.server.mux.flowCount()).as("seed %d", seed).isZero();
        assertThat(pair.client.link.writer().queuedBytes()).isZero();
        assertThat(pair.server.link.writer().queuedBytes()).isZero();
        assertThat(pair.client.mux.budget().left()).isEqualTo(CreditBudget.DEFAULT);
        assertThat(pair.server.mux.budget().left()).isEqualTo(CreditBudget.DEFAULT);
    }

    @Test
    void flowChannelsSayWhatTheyAre() {
        Flows f = pair.open(a, b);
        Channel c = f.a();
        assertThat(c.parent()).isNull();
        assertThat(c.metadata().hasDisconnect()).isFalse();
        assertThat(c.config().getOption(io.netty.channel.ChannelOption.ALLOW_HALF_CLOSURE))
                .isTrue();
        assertThat(c.config().setOption(io.netty.channel.ChannelOption.SO_LINGER, 0))
                .isTrue();
        assertThat(c.connect(c.remoteAddress()).cause()).isInstanceOf(UnsupportedOperationException.class);
    }
}
