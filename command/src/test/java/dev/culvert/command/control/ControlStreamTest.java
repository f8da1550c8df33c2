package dev.culvert.command.control;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Answers that go on. */
@NullUnmarked
@Timeout(120)
final class ControlStreamTest {
    @TempDir
    Path dir;

    private final AtomicLong nanos = new AtomicLong();
    private final Questions questions = new Questions("client", "1");
    private Path path;
    private ControlSocket socket;

    /** Says what a test has it say. */
    private static final class Source implements Questions.Stream {
        final ConcurrentLinkedQueue<byte[]> said = new ConcurrentLinkedQueue<>();
        final CompletableFuture<Runnable> readable = new CompletableFuture<>();
        final CountDownLatch closed = new CountDownLatch(1);
        final AtomicInteger closes = new AtomicInteger();
        volatile boolean last;

        void say(byte... bytes) {
            said.add(bytes);
            readable.join().run();
        }

        @Override
        public Object answer() {
            return Map.of("number", 7);
        }

        @Override
        public void start(Runnable told) {
            readable.complete(told);
        }

        @Override
        public byte[] poll() {
            return said.poll();
        }

        @Override
        public boolean isLast() {
            return last;
        }

        @Override
        public void close() {
            closes.incrementAndGet();
            closed.countDown();
        }
    }

    private final Source source = new Source();

    @BeforeEach
    void open() throws Exception {
        questions.add("listen", "a stream", with -> source);
        questions.add("echo", "what was said", with -> with);
        path = dir.resolve("c.sock");
        socket = ControlSocket.open(path, null, questions, line -> {}, nanos::get);
    }

    @AfterEach
    void close() throws Exception {
        if (socket != null) {
            socket.close();
        }
    }

    private ControlClient client() {
        return new ControlClient("client", List.of(path));
    }

    private void awaitClosed() throws Exception {
        assertThat(source.closed.await(60, TimeUnit.SECONDS)).isTrue();
        assertThat(source.closes).hasValue(1);
    }

    @Test
    void bytesFollowTheAnswerAsTheyCome() throws Exception {
        byte[] sent = new byte[3 << 20];
        new Random(3).nextBytes(sent);
        ByteArrayOutputStream heard = new ByteArrayOutputStream();
        source.said.add(Arrays.copyOf(sent, 10)); // before anybody asks
        ControlClient.Answered answered = client().open("listen", Map.of());
        assertThat(answered.answer().path("number").asInt()).isEqualTo(7);
        CompletableFuture<Void> all = new CompletableFuture<>();
        CompletableFuture<Void> copied = CompletableFuture.runAsync(() -> {
            try {
                answered.copyTo(new OutputStream() {
                    @Override
                    public void write(int b) {
                        throw new AssertionError("byte by byte");
                    }

                    @Override
                    public void write(byte[] b, int off, int len) {
                        heard.write(b, off, len);
                        if (heard.size() >= sent.length) {
                            all.complete(null);
                        }
                    }
                });
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        Random random = new Random(4);
        for (int at = 10; at < sent.length; ) {
            int n = Math.min(sent.length - at, 1 + random.nextInt(random.nextInt(20) == 0 ? 200_000 : 2_000));
            source.say(Arrays.copyOfRange(sent, at, at + n));
            at += n;
            if (random.nextInt(100) == 0) {
                TimeUnit.MILLISECONDS.sleep(1); // so that it has nothing to say now and then
            }
        }
        all.get(60, TimeUnit.SECONDS);
        assertThat(copied).isNotDone();
        // It has no end by itself, and holds nobody up.
        nanos.addAndGet(TimeUnit.DAYS.toNanos(3));
        socket.run(() -> {});
        assertThat(client().ask("echo", Map.of("a", 1)).path("a").asInt()).isOne();
        assertThat(copied).isNotDone();
        answered.close();
        copied.get(60, TimeUnit.SECONDS);
        assertThat(heard.toByteArray()).isEqualTo(sent);
        awaitClosed();
    }

    /** Though nothing is said that could meet a closed connection. */
    @Test
    void anAskerThatGoesIsNoticed() throws Exception {
        client().open("listen", Map.of()).close();
        awaitClosed();
    }

    /** What waits when it ends is written all the same. */
    @Test
    void oneThatEndsHasSaidAllBefore() throws Exception {
        byte[] sent = new byte[3 << 20];
        new Random(5).nextBytes(sent);
        ByteArrayOutputStream heard = new ByteArrayOutputStream();
        try (ControlClient.Answered answered = client().open("listen", Map.of())) {
            for (int at = 0; at < sent.length; at += 64 << 10) {
                source.said.add(Arrays.copyOfRange(sent, at, at + (64 << 10)));
            }
            Runnable readable = source.readable.get(60, TimeUnit.SECONDS);
            source.last = true;
            readable.run();
            answered.copyTo(heard);
        }
        assertThat(heard.toByteArray()).isEqualTo(sent);
        awaitClosed();
    }

    /** A program that ends meanwhile has said nothing by half. */
    @Test
    void aPieceIsWhole() throws Exception {
        ByteArrayOutputStream heard = new ByteArrayOutputStream();
        try (ControlClient.Answered answered = client().open("listen", Map.of())) {
            byte[] piece = new byte[4 << 20]; // more than a socket holds
            piece[piece.length - 1] = 7;
            source.say(piece);
            while (!source.said.isEmpty()) {
                TimeUnit.MILLISECONDS.sleep(1);
            }
            CompletableFuture<Void> closing = CompletableFuture.runAsync(() -> {
                try {
                    socket.close();
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
            answered.copyTo(heard);
            closing.get(60, TimeUnit.SECONDS);
            socket = null;
            assertThat(heard.toByteArray()).isEqualTo(piece);
        }
        awaitClosed();
    }

    @Test
    void anAskerThatTakesNothingHoldsNobodyUp() throws Exception {
        try (ControlClient.Answered answered = client().open("listen", Map.of())) {
            assertThat(answered.answer().path("number").asInt()).isEqualTo(7);
            for (int i = 0; i < 64; i++) {
                source.say(new byte[64 << 10]);
            }
            assertThat(client().ask("echo", Map.of("a", 1)).path("a").asInt()).isOne();
            assertThat(source.said)
                    .as("it waits at its source, which has a bound")
                    .isNotEmpty();
        }
        awaitClosed();
    }

    @Test
    void aProgramThatEndsEndsIt() throws Exception {
        try (ControlClient.Answered answered = client().open("listen", Map.of())) {
            source.readable.get(60, TimeUnit.SECONDS);
            socket.close();
            socket = null;
            ByteArrayOutputStream heard = new ByteArrayOutputStream();
            answered.copyTo(heard);
            assertThat(heard.size()).isZero();
        }
        awaitClosed();
    }
}
