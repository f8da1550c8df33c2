package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Thousands come back to a gateway that was away, sooner than it can let them in: it shall not spend its time on connections
 * whose clients give up, or whose places it gives away, before they are links. In frozen time, with the gateway's own places
 * and turns.
 */
@NullUnmarked
final class ReturningCrowdTest {
    private static final int CLIENTS = 4_000;

    /** A handshake, a request and a proof, each of which takes a cold gateway so long. */
    private static final int TURNS_OF_A_LINK = 3;

    private static final long TURN = TimeUnit.MILLISECONDS.toNanos(3);
    private static final long ROUND_TRIP = TimeUnit.MILLISECONDS.toNanos(20);

    /** A client waits for a link no longer. */
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(15);

    private record Event(long at, long order, Runnable what) {}

    private final PriorityQueue<Event> events =
            new PriorityQueue<>(Comparator.comparingLong(Event::at).thenComparingLong(Event::order));
    private final EmbeddedChannel loop = new EmbeddedChannel();
    private final Random random = new Random(7);
    private long now;
    private long order;
    private int turnsTaken;
    private int links;
    private final Strangers strangers = new Strangers(() -> now, false);
    private final StrangerTurns turns = new StrangerTurns(loop.eventLoop(), () -> now);

    @ParameterizedTest
    @ValueSource(ints = {16, CLIENTS})
    void littleIsDoneForNothing(int networks) {
        for (int i = 0; i < CLIENTS; i++) {
            int network = i % networks;
            Client client = new Client(new InetSocketAddress("10." + network / 256 + "." + network % 256 + ".1", 1));
            client.again();
        }
        while (links < CLIENTS) {
            int before = turnsTaken;
            loop.runScheduledPendingTasks();
            loop.checkException();
            if (turnsTaken == before) {
                now = Math.max(now, events.element().at);
            }
            while (!events.isEmpty() && events.peek().at <= now) {
                events.remove().what.run();
            }
        }
        assertThat(strangers.count()).isZero();
        assertThat(turnsTaken)
                .as("of which %d were for links", TURNS_OF_A_LINK * links)
                .isLessThan(TURNS_OF_A_LINK * links * 5 / 4);
    }

    private void in(long nanos, Runnable what) {
        events.add(new Event(now + nanos, order++, what));
    }

    /** One that wants a link. */
    private final class Client {
        private final InetSocketAddress address;
        private @Nullable EmbeddedChannel channel;
        private int turnsHad;

        Client(InetSocketAddress address) {
            this.address = address;
        }

        /** As ends do whose gateway is being started again. */
        void again() {
            in(TimeUnit.MILLISECONDS.toNanos(500 + random.nextInt(2_000)), this::attempt);
        }

        private void attempt() {
            Strangers.Stranger[] stranger = new Strangers.Stranger[1];
            stranger[0] = strangers.enter(address.getAddress(), () -> giveUp(stranger[0]));
            if (stranger[0] == null) {
                again();
                return;
            }
            EmbeddedChannel mine = new EmbeddedChannel();
            channel = mine;
            turnsHad = 0;
            mine.config().setAutoRead(false);
            mine.pipeline()
                    .addLast(new StrangerTurns.Turn(turns, address, stranger[0]), new ChannelInboundHandlerAdapter() {
                        @Override
                        public void channelRead(ChannelHandlerContext ctx, Object msg) {
                            ReferenceCountUtil.release(msg);
                            now += TURN;
                            turnsTaken++;
                            served(mine, stranger[0]);
                        }
                    });
            say(mine);
            in(PATIENCE, () -> {
                if (channel == mine) {
                    giveUp(stranger[0]);
                }
            });
        }

        private void say(EmbeddedChannel mine) {
            in(ROUND_TRIP, () -> {
                if (channel == mine) {
                    mine.writeInbound(Unpooled.wrappedBuffer(new byte[10]));
                }
            });
        }

        private void served(EmbeddedChannel mine, Strangers.Stranger stranger) {
            if (++turnsHad < TURNS_OF_A_LINK) {
                say(mine);
                return;
            }
            links++;
            channel = null;
            stranger.leave();
            mine.finishAndReleaseAll();
        }

        private void giveUp(Strangers.Stranger stranger) {
            EmbeddedChannel mine = channel;
            channel = null;
            stranger.leave();
            mine.finishAndReleaseAll();
            again();
        }
    }
}
