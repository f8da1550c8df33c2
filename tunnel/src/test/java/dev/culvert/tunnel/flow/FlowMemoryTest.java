package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.outgoing.FairQueue;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What thousands of flows that nobody reads make an end hold. */
@NullUnmarked
class FlowMemoryTest {
    private static final byte[] MEBIBYTE = new byte[1 << 20];

    @Test
    void theMoreThereAreTheLessANewOneGets() {
        FlowMemory memory = new FlowMemory(16 << 20);
        List<Integer> sizes = new ArrayList<>();
        while (sizes.isEmpty() || sizes.get(sizes.size() - 1) > FlowMemory.LEAST) {
            sizes.add(memory.take("a"));
        }
        assertThat(sizes.stream().distinct()).containsExactly(64 << 10, 16 << 10, 4 << 10, 1 << 10);
        assertThat(sizes.stream().filter(s -> s == FlowMemory.MOST)).hasSize(64);
        assertThat(sizes).hasSizeGreaterThan(1_000);
        assertThat(memory.taken()).isLessThanOrEqualTo((12 << 20) + FlowMemory.LEAST);
        for (int i = 0; i < 100_000; i++) {
            assertThat(memory.take("a")).isEqualTo(FlowMemory.LEAST);
            memory.give("a", FlowMemory.LEAST);
        }
        sizes.forEach(s -> memory.give("a", s));
        assertThat(memory.taken()).isZero();
        assertThat(memory.take("a")).isEqualTo(FlowMemory.MOST);
    }

    @Test
    void oneWhoHasMuchTakesNothingFromOneWhoHasLittle() {
        FlowMemory memory = new FlowMemory(16 << 20);
        for (int i = 0; i < 2_000; i++) {
            memory.take("many");
        }
        for (int i = 0; i < 5; i++) {
            assertThat(memory.take("few")).isEqualTo(FlowMemory.MOST);
        }
        for (int i = 0; i < 10_000; i++) {
            memory.take("many"); // until nothing is left
        }
        assertThat(memory.take("few")).isEqualTo(FlowMemory.LEAST);
        assertThat(memory.taken()).isLessThan((16 << 20) + 12_000L * FlowMemory.LEAST);
    }

    @Test
    void manyThatNobodyReadsHoldLittleAndAllArrivesWhenTheyAreRead() {
        FlowMemory memory = new FlowMemory(1 << 20);
        try (LinkPair pair = new LinkPair(true, LinkSettings.DEFAULT, 1, l -> new FlowMultiplexer(l, memory))) {
            List<LinkFlow> senders = new ArrayList<>();
            List<LinkFlow> readers = new ArrayList<>();
            List<FlowRecorder> read = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                FlowRecorder recorder = new FlowRecorder();
                LinkPair.Flows flows = pair.open(new FlowRecorder(), recorder);
                flows.b().config().setAutoRead(false);
                senders.add(flows.a());
                readers.add(flows.b());
                read.add(recorder);
            }
            senders.forEach(s -> s.writeAndFlush(Unpooled.wrappedBuffer(MEBIBYTE), s.voidPromise()));
            pair.pump();
            // What was asked for before reading was turned off has been read, once: a batch of each.
            long held = readers.stream()
                    .mapToLong(flow -> flow.input().unreadBytes())
                    .sum();
            assertThat(memory.taken()).isLessThan((1 << 20) + 200 * FlowMemory.LEAST);
            assertThat(held).isPositive().isLessThanOrEqualTo(memory.taken());
            assertThat(readers.get(199).bufferMarks().high()).isEqualTo(FlowMemory.LEAST);
            assertThat(readers.get(199).config().getWriteBufferHighWaterMark()).isEqualTo(FlowMemory.LEAST);

            readers.get(199).config().setAutoRead(true);
            pair.pump();
            assertThat(read.get(199).bytes.size()).isEqualTo(MEBIBYTE.length);

            readers.forEach(LinkFlow::close);
            pair.pump();
            assertThat(memory.taken()).isZero();
        }
    }

    @Test
    void datagramsThatWaitForALinkAreBoundedOverAllItsFlows() {
        try (LinkPair pair = new LinkPair()) {
            pair.client.gate.shut();
            ByteBuf large = Unpooled.directBuffer(60_000).writeZero(60_000);
            for (int i = 0; i < 100; i++) {
                LinkFlow flow = pair.client.mux.open(LinkPair.request(LinkPair.udp()), new FlowRecorder());
                for (int j = 0; j < 20; j++) {
                    flow.write(large.retainedDuplicate(), flow.voidPromise());
                }
                flow.flush();
            }
            long held = pair.client.link.writer().heldBytes();
            assertThat(held).isBetween(FairQueue.MAX_DATAGRAM_BYTES / 2, FairQueue.MAX_DATAGRAM_BYTES + (1 << 20));
            long dropped = pair.client.mux.droppedDatagrams();
            assertThat(dropped).isGreaterThan(1_000);

            LinkFlow late = pair.client.mux.open(LinkPair.request(LinkPair.udp()), new FlowRecorder());
            late.writeAndFlush(Unpooled.wrappedBuffer(new byte[100]), late.voidPromise());
            assertThat(pair.client.mux.droppedDatagrams())
                    .as("there is room for who has nothing waiting")
                    .isEqualTo(dropped);
            LinkFlow stream = pair.client.mux.open(LinkPair.request(LinkPair.tcp()), new FlowRecorder());
            assertThat(stream.isOpen()).isTrue();
            large.release();

            pair.client.gate.open();
            pair.pump();
            assertThat(pair.client.link.writer().heldBytes()).isZero();
            LinkFlow again = pair.client.mux.open(LinkPair.request(LinkPair.udp()), new FlowRecorder());
            for (int j = 0; j < 16; j++) {
                again.write(Unpooled.wrappedBuffer(new byte[60_000]), again.voidPromise());
            }
            again.flush();
            assertThat(pair.client.mux.droppedDatagrams()).isEqualTo(dropped);
        }
    }

    /** A flow that has ended in order leaves its last bytes behind; flow after flow would, for a link that nobody reads. */
    @Test
    void whatEndedFlowsHaveLeftForALinkThatIsNotReadIsBounded() throws Exception {
        Function<FlowListener, FlowMultiplexer> roomy = l -> new FlowMultiplexer(l, new FlowMemory(1L << 40));
        try (LinkPair pair = new LinkPair(true, LinkSettings.DEFAULT, 1, roomy)) {
            pair.server.gate.shut();
            FlowMultiplexer mux = pair.server.mux;
            ByteBuf page = Unpooled.directBuffer(16_000).writeZero(16_000);
            int accepted = 0;
            for (int id = 1; id <= 20_000; id++) {
                ByteBuf open = Unpooled.buffer();
                new OpenRequest(LinkPair.tcp(), "office", null, null, 1 << 20, 0, null).encode(open);
                mux.frame(pair.server.link, Frame.OPEN, 0, id, open);
                IncomingFlow incoming = pair.server.incoming.poll();
                if (incoming == null) {
                    break; // refused
                }
                accepted++;
                LinkFlow flow = incoming.accept(new FlowRecorder());
                pair.server.channel.runPendingTasks();
                for (int i = 0; i < 4; i++) {
                    flow.write(page.retainedDuplicate(), flow.voidPromise());
                }
                flow.flush();
                flow.shutdownOutput();
                mux.frame(pair.server.link, Frame.FIN, 0, id, Unpooled.EMPTY_BUFFER);
                mux.batchComplete(pair.server.link);
                flow.close();
            }
            page.release();
            assertThat(mux.flowCount()).isZero();
            assertThat(accepted).isBetween(1_000, 10_000);
            assertThat(pair.server.link.writer().heldBytes()).isBetween(64L << 20, 160L << 20);
            assertThat(mux.canOpen()).isFalse();
        }
    }
}
