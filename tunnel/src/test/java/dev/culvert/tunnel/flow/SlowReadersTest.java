package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.outgoing.Outlet;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Readers that stop, with senders that push without end: what an end holds for them, and what the others feel. */
@NullUnmarked
class SlowReadersTest {
    private static final byte[] MEBIBYTE = new byte[1 << 20];

    /** A flow whose reader takes what it is told to. */
    private static final class Reader extends ChannelInboundHandlerAdapter {
        long taken;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object msg) {
            ByteBuf b = (ByteBuf) msg;
            taken += b.readableBytes();
            b.release();
        }
    }

    private record Transfer(LinkFlow sender, LinkFlow receiver, Reader reader) {
        static Transfer open(LinkPair pair) {
            Reader reader = new Reader();
            LinkFlow sender = pair.client.mux.open(LinkPair.request(LinkPair.tcp()), new FlowRecorder());
            pair.pump();
            LinkFlow receiver = pair.server.incoming.remove().accept(reader);
            pair.pump();
            return new Transfer(sender, receiver, reader);
        }

        void write(int mebibytes) {
            for (int i = 0; i < mebibytes; i++) {
                sender.write(Unpooled.wrappedBuffer(MEBIBYTE), sender.voidPromise());
            }
            sender.flush();
        }
    }

    @Test
    void tenHoldNoMoreThanTheirBoundAndOthersGoOn() {
        try (LinkPair pair = new LinkPair()) {
            pair.advance(3_000);
            pair.advance(50); // until the answers to its PINGs come: a line of 50 ms, and as much is said of the other
            pair.pump();
            List<Transfer> slow = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                slow.add(Transfer.open(pair));
            }
            // Fast at first, so that their windows grow.
            for (int round = 0; round < 6; round++) {
                for (Transfer t : slow) {
                    t.write(4);
                }
                pair.pump();
                pair.advance(100);
            }
            for (Transfer t : slow) {
                assertThat(t.reader.taken).isEqualTo(24L << 20);
            }
            CreditBudget budget = pair.server.mux.budget();
            long grown = CreditBudget.DEFAULT - budget.left();
            assertThat(grown).isGreaterThan(10L * (ReceiveWindow.EAGER - FlowMemory.MOST));

            for (Transfer t : slow) {
                t.receiver.config().setAutoRead(false);
                t.write(32);
            }
            pair.pump();
            long bound = grown + 10L * FlowMemory.MOST;
            // All of it, but for what was not worth a CREDIT frame yet.
            assertThat(held(slow)).isBetween(bound - 10L * ReceiveWindow.RETURN_STEP, bound);
            for (int second = 0; second < 20; second++) {
                for (Transfer t : slow) {
                    t.receiver.read(); // one message
                }
                pair.pump();
                pair.advance(1_000);
                pair.pump();
                assertThat(held(slow)).isLessThanOrEqualTo(bound);
                assertThat(budget.left()).isGreaterThanOrEqualTo(CreditBudget.DEFAULT - grown);
            }
            assertThat(pair.client.link.writer().queuedBytes())
                    .as("what they have waiting at the sender")
                    .isLessThanOrEqualTo(10L * 3 * Outlet.LOW_WATER);

            Transfer fast = Transfer.open(pair);
            fast.write(100);
            pair.pump();
            assertThat(fast.reader.taken).isEqualTo(100L << 20);

            for (Transfer t : slow) {
                t.receiver.close();
            }
            fast.receiver.close();
            pair.pump();
            assertThat(budget.left()).isEqualTo(CreditBudget.DEFAULT);
        }
    }

    /** What has crossed the link and was not read: all credit that was ever granted, less what the senders still have. */
    private static long held(List<Transfer> transfers) {
        long sum = 0;
        for (Transfer t : transfers) {
            sum += t.receiver.input().unreadBytes();
        }
        return sum;
    }
}
