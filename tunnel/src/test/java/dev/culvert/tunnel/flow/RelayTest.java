package dev.culvert.tunnel.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.fixture.FlowRecorder;
import dev.culvert.tunnel.fixture.LinkPair;
import dev.culvert.tunnel.fixture.LinkPair.Flows;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Relays between real sockets, alone and with a link between two of them; and between flows, in frozen time. */
@NullUnmarked
@Timeout(180)
class RelayTest {
    @Test
    void aResetOfTlsDoesNotSayThatAllHasBeenSaid() throws Exception {
        EmbeddedChannel channel =
                new EmbeddedChannel(SslContextBuilder.forClient().build().newHandler(UnpooledByteBufAllocator.DEFAULT));
        channel.releaseOutbound(); // the ClientHello
        Relay.reset(channel);
        assertThat(channel.isOpen()).isFalse();
        assertThat(channel.outboundMessages()).isEmpty();
        channel.finishAndReleaseAll();
    }

    private static CompletableFuture<Void> send(Socket s, byte[] bytes, boolean end) {
        return CompletableFuture.runAsync(
                () -> {
                    try {
                        s.getOutputStream().write(bytes);
                        if (end) {
                            s.shutdownOutput();
                        }
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                },
                r -> new Thread(r, "sender").start());
    }

    private static CompletableFuture<byte[]> receive(Socket s) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return s.getInputStream().readAllBytes();
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                },
                r -> new Thread(r, "receiver").start());
    }

    private static boolean same(byte[] a, byte[] b) {
        return Arrays.equals(a, b); // not AssertJ's: a difference in megabytes is not worth printing
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void bytesBothWaysUntilBothHaveEnded(RelayChain.Kind kind) throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int size : new int[] {0, 1, random.nextInt(100_000), 2_000_000 + random.nextInt(1_000_000)}) {
            try (RelayChain chain = new RelayChain(kind)) {
                byte[] there = LinkFlowTest.random(seed, size);
                byte[] back = LinkFlowTest.random(seed + 1, random.nextInt(size + 1));
                send(chain.near, there, true);
                send(chain.far, back, true);
                CompletableFuture<byte[]> atFar = receive(chain.far);
                assertThat(same(receive(chain.near).get(60, TimeUnit.SECONDS), back))
                        .as("back, seed %d", seed)
                        .isTrue();
                assertThat(same(atFar.get(60, TimeUnit.SECONDS), there))
                        .as("there, seed %d", seed)
                        .isTrue();
                RelayChain.Ended ended = chain.ended(0);
                assertThat(ended.cause()).isNull();
                assertThat(ended.aToB()).isEqualTo(there.length);
                assertThat(ended.bToA()).isEqualTo(back.length);
                assertThat(chain.ended(chain.ended.size() - 1).cause()).isNull();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void eachSideMayEndFirst(RelayChain.Kind kind) throws Exception {
        for (boolean nearFirst : new boolean[] {true, false}) {
            try (RelayChain chain = new RelayChain(kind)) {
                Socket first = nearFirst ? chain.near : chain.far;
                Socket second = nearFirst ? chain.far : chain.near;
                send(first, new byte[] {1, 2, 3}, true);
                assertThat(second.getInputStream().readAllBytes()).containsExactly(1, 2, 3);
                for (int i = 0; i < 5; i++) { // the other direction goes on
                    second.getOutputStream().write(i);
                    assertThat(first.getInputStream().read()).isEqualTo(i);
                }
                second.shutdownOutput();
                assertThat(first.getInputStream().read()).isEqualTo(-1);
                assertThat(chain.ended(0).cause()).isNull();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void nothingIsLostWhenBothHaveEndedAndOneStillReadsSlowly(RelayChain.Kind kind) throws Exception {
        try (RelayChain chain = new RelayChain(kind)) {
            byte[] large = LinkFlowTest.random(5, 12_000_000);
            CompletableFuture<Void> sent = send(chain.near, large, true);
            send(chain.far, new byte[] {42}, true);
            assertThat(chain.near.getInputStream().readAllBytes()).containsExactly(42);
            // Only now does the far end begin to read, in small pieces.
            InputStream in = chain.far.getInputStream();
            byte[] got = new byte[large.length];
            int n = 0;
            while (n < got.length) {
                int r = in.read(got, n, Math.min(got.length - n, 50_000));
                assertThat(r).as("end of stream after %d bytes", n).isPositive();
                n += r;
            }
            assertThat(in.read()).isEqualTo(-1);
            assertThat(same(got, large)).isTrue();
            sent.get(60, TimeUnit.SECONDS);
            assertThat(chain.ended(0).cause()).isNull();
        }
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void aResetOnEitherSideReachesTheOther(RelayChain.Kind kind) throws Exception {
        for (boolean nearBreaks : new boolean[] {true, false}) {
            try (RelayChain chain = new RelayChain(kind)) {
                Socket breaks = nearBreaks ? chain.near : chain.far;
                Socket other = nearBreaks ? chain.far : chain.near;
                breaks.getOutputStream().write(7);
                assertThat(other.getInputStream().read()).isEqualTo(7);
                breaks.setSoLinger(true, 0);
                breaks.close();
                assertThatThrownBy(() -> other.getInputStream().read())
                        .isInstanceOf(SocketException.class)
                        .hasMessageContaining("reset");
                assertThat(chain.ended(0).cause()).isNotNull();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void theServerMaySpeakFirstAndEndAtOnce(RelayChain.Kind kind) throws Exception {
        try (RelayChain chain = new RelayChain(kind)) {
            send(chain.far, "220 ready".getBytes(StandardCharsets.US_ASCII), true);
            assertThat(chain.near.getInputStream().readAllBytes()).asString().isEqualTo("220 ready");
            send(chain.near, new byte[] {9}, true);
            assertThat(chain.far.getInputStream().readAllBytes()).containsExactly(9);
            assertThat(chain.ended(0).cause()).isNull();
        }
    }

    @ParameterizedTest
    @EnumSource(RelayChain.Kind.class)
    void aReaderThatStopsStopsTheWriter(RelayChain.Kind kind) throws Exception {
        int tooMuch = 64 << 20;
        try (RelayChain chain = new RelayChain(kind)) {
            CompletableFuture<Void> sent = send(chain.near, new byte[tooMuch], true);
            assertThatThrownBy(() -> sent.get(1_500, TimeUnit.MILLISECONDS))
                    .as("64 MiB are more than all buffers together may hold")
                    .isInstanceOf(java.util.concurrent.TimeoutException.class);
            InputStream in = chain.far.getInputStream();
            byte[] piece = new byte[1 << 20];
            long n = 0;
            for (int r = in.read(piece); r >= 0; r = in.read(piece)) {
                n += r;
            }
            assertThat(n).isEqualTo(tooMuch);
            chain.near.shutdownInput();
        } catch (SocketTimeoutException e) {
            throw new AssertionError("the writer did not start again", e);
        }
    }

    // ---- flows, in frozen time ----

    private record Two(LinkPair one, LinkPair two, Flows in, Flows out, FlowRecorder left, FlowRecorder right)
            implements AutoCloseable {
        static Two open() {
            LinkPair one = new LinkPair();
            LinkPair two = new LinkPair();
            FlowRecorder left = new FlowRecorder();
            FlowRecorder right = new FlowRecorder();
            Flows in = open(one, left, null);
            Flows out = open(two, null, right);
            return new Two(one, two, in, out, left, right);
        }

        private static Flows open(LinkPair pair, FlowRecorder a, FlowRecorder b) {
            LinkFlow opener =
                    pair.client.mux.open(LinkPair.request(LinkPair.tcp()), a != null ? a : new RelayChain.Waiting());
            pair.pump();
            LinkFlow answerer = pair.server.incoming.remove().accept(b != null ? b : new RelayChain.Waiting());
            pair.pump();
            return new Flows(opener, answerer);
        }

        void pump() {
            for (int i = 0; i < 100; i++) {
                one.pump();
                two.pump();
            }
        }

        @Override
        public void close() {
            one.close();
            two.close();
        }
    }

    private static final class Ends implements Relay.Listener {
        int times;
        Throwable cause;

        @Override
        public void relayEnded(long bytesAtoB, long bytesBtoA, Throwable cause) {
            times++;
            this.cause = cause;
        }
    }

    @Test
    void whatCameBeforeTheRelayIsRelayedToo() {
        try (Two t = Two.open()) {
            t.in().a().writeAndFlush(LinkFlowTest.text("early"));
            t.in().a().shutdownOutput();
            t.out().b().shutdownOutput(); // an end without a byte before it
            t.pump();
            Ends ends = new Ends();
            Relay.join(t.in().b(), t.out().a(), ends);
            t.pump();
            assertThat(t.right().text()).isEqualTo("early");
            assertThat(t.right().events).containsExactly("active", "fin");
            assertThat(t.left().events).containsExactly("active", "fin");
            assertThat(ends.times).isEqualTo(1);
            assertThat(ends.cause).isNull();
        }
    }

    @Test
    void joiningAChannelThatIsGoneEndsAtOnceAndResetsTheOther() {
        try (Two t = Two.open()) {
            t.in().a().close();
            t.pump();
            Ends ends = new Ends();
            Relay.join(t.in().b(), t.out().a(), ends);
            t.pump();
            assertThat(ends.times).isEqualTo(1);
            assertThat(ends.cause).isNotNull();
            assertThat(t.right().events).last().isEqualTo("inactive");
            assertThat(t.right().error).isInstanceOf(FlowException.class);
        }
    }

    @Test
    void aResetFlowResetsTheOther() {
        try (Two t = Two.open()) {
            Ends ends = new Ends();
            Relay.join(t.in().b(), t.out().a(), ends);
            t.in().a().writeAndFlush(LinkFlowTest.text("x"));
            t.pump();
            t.in().a().closeReason(Reason.IDLE);
            t.in().a().close();
            t.pump();
            assertThat(t.right().events).last().isEqualTo("inactive");
            assertThat(ends.times).isEqualTo(1);
            assertThat(((FlowException) ends.cause).reason()).isEqualTo(Reason.IDLE);
            assertThat(t.two().client.mux.flowCount()).isZero();
        }
    }

    @Test
    void whatWaitsBetweenTwoFlowsIsBounded() {
        try (Two t = Two.open()) {
            t.right().channel.config().setAutoRead(false);
            Ends ends = new Ends();
            Relay.join(t.in().b(), t.out().a(), ends);
            t.in().a().writeAndFlush(Unpooled.wrappedBuffer(new byte[5_000_000]));
            t.pump();
            long taken = t.one().server.link.bytesIn();
            assertThat(taken).isLessThan(ReceiveWindow.EAGER + 5L * FlowMemory.MOST);
            t.right().channel.config().setAutoRead(true);
            t.pump();
            t.pump();
            assertThat(t.right().bytes.size()).isEqualTo(5_000_000);
        }
    }

    @Test
    void aLinkLostByTheSideThatIsDoneDoesNotCutOffTheOthersBytes() {
        try (Two t = Two.open()) {
            Ends ends = new Ends();
            Relay.join(t.in().b(), t.out().a(), ends);
            t.right().channel.config().setAutoRead(false);
            byte[] sent = LinkFlowTest.random(3, 120_000);
            t.in().a()
                    .writeAndFlush(Unpooled.wrappedBuffer(sent))
                    .addListener(f -> t.in().a().shutdownOutput());
            t.pump();
            t.out().b().shutdownOutput();
            t.pump();
            assertThat(t.in().b().isShutdown())
                    .as("the near flow has ended both ways")
                    .isTrue();
            t.one().client.channel.close();
            t.pump();
            t.right().channel.config().setAutoRead(true);
            t.pump();
            assertThat(t.right().bytes.toByteArray()).isEqualTo(sent);
            assertThat(t.right().events).containsExactly("active", "fin");
            assertThat(ends.times).isEqualTo(1);
            assertThat(ends.cause).isNull();
        }
    }
}
