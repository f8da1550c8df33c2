package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.connect.Connector;
import dev.culvert.tunnel.connect.Dialling;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.FrameReceiver;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoop;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whom a program's link leads to, with the client that is up as the test. */
@NullUnmarked
final class JoiningTest {
    private static final String WELCOME = "{\"culvert\": 1, \"program\": \"client\", \"version\": \"9\", \"answer\": "
            + "{\"link\": 1, \"process\": 4711, \"roundTripMicros\": 12000, \"later\": true}}\n";

    @TempDir
    Path directory;

    private final EventLoopGroup loops = EventLoops.create(1, "test");
    private final List<String> said = new CopyOnWriteArrayList<>();
    private final List<SocketChannel> taken = new CopyOnWriteArrayList<>();
    private final AtomicInteger dials = new AtomicInteger();
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private Path place;
    private Joining joining;
    private ServerSocketChannel server;

    /** The way that fails, so that it is seen when it is taken. */
    private final class Own implements Connector {
        @Override
        public URI gateway() {
            return URI.create("wss://gateway.example");
        }

        @Override
        public Future<Link> connect(EventLoop loop, LinkSettings settings, FrameReceiver receiver, Dialling dialling) {
            dials.incrementAndGet();
            return loop.newFailedFuture(new IOException("an own link"));
        }
    }

    private final class Receiver implements FrameReceiver {
        @Override
        public void linkUp(Link link) {
            received.add("up");
        }

        @Override
        public void frame(Link link, int type, int flags, int flowId, ByteBuf payload) {
            received.add(payload.toString(StandardCharsets.US_ASCII));
            payload.release();
        }

        @Override
        public void batchComplete(Link link) {}

        @Override
        public void linkDown(Link link, String why) {
            received.add("down");
        }
    }

    @BeforeEach
    void begin() {
        place = directory.resolve("flows");
        joining = new Joining(List.of(directory.resolve("nobody"), place), "t0ken", said::add);
    }

    @AfterEach
    void end() throws Exception {
        if (server != null) {
            server.close();
        }
        for (SocketChannel one : taken) {
            one.close();
        }
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(5, TimeUnit.SECONDS);
    }

    /** A client that is up: it reads a line, and says this. */
    private void upThatSays(ByteBuf answer) throws IOException {
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(place));
        byte[] bytes = new byte[answer.readableBytes()];
        answer.readBytes(bytes);
        Thread thread = new Thread(() -> {
            try {
                while (true) {
                    SocketChannel one = server.accept();
                    taken.add(one);
                    ByteBuffer in = ByteBuffer.allocate(1);
                    StringBuilder line = new StringBuilder();
                    while (one.read(in.clear()) > 0 && in.get(0) != '\n') {
                        line.append((char) in.get(0));
                    }
                    received.add(line.toString());
                    one.write(ByteBuffer.wrap(bytes));
                }
            } catch (IOException e) {
                // The test is over.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private static ByteBuf text(String text) {
        return Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
    }

    private Future<Link> connect() throws InterruptedException {
        EventLoop loop = loops.next();
        Connector joined = joining.before(new Own());
        assertThat(joined.gateway()).isEqualTo(new Own().gateway());
        Future<Link> link = loop.submit(
                        () -> joined.connect(loop, LinkSettings.DEFAULT, new Receiver(), new Dialling() {}))
                .sync()
                .getNow();
        assertThat(link.await(60, TimeUnit.SECONDS)).isTrue();
        return link;
    }

    private void assertOwn(Future<Link> link) {
        assertThatThrownBy(link::sync).hasMessage("an own link");
        assertThat(joining.beyondMicros()).isZero();
    }

    @Test
    void whereNobodyIsUpItIsAnOwnLinkWithoutAWord() throws Exception {
        assertOwn(connect());
        assertThat(said).isEmpty();
    }

    @Test
    void whereOneIsItIsThatOnesAndWhatComesBehindTheAnswerIsTheLinks() throws Exception {
        upThatSays(Unpooled.wrappedBuffer(
                text(WELCOME),
                WebSocketMessage.encode(
                        WebSocketMessage.BINARY,
                        WebSocketMessage.frame(
                                Frame.ANNOUNCE, 0, 0, "what there is".getBytes(StandardCharsets.US_ASCII)),
                        null)));
        Future<Link> link = connect();
        assertThat(link.isSuccess()).isTrue();
        assertThat(received.poll(60, TimeUnit.SECONDS)).contains("\"ask\":\"join\"", "\"t0ken\"");
        assertThat(received.poll(60, TimeUnit.SECONDS)).isEqualTo("up");
        assertThat(received.poll(60, TimeUnit.SECONDS)).isEqualTo("what there is");
        assertThat(said).containsExactly("joins the client that is up, process 4711");
        assertThat(joining.beyondMicros()).isEqualTo(12_000);
        assertThat(dials.get()).isZero();
    }

    @Test
    void whyNotIsSaidOnceAndTheLinkIsAnOwnOne() throws Exception {
        upThatSays(text("{\"culvert\": 1, \"error\": \"it uses another token\"}\n"));
        assertOwn(connect());
        assertOwn(connect());
        assertThat(said).containsExactly("the client that is up is not joined: it uses another token");
    }

    @Test
    void whatCannotBeUnderstoodIsNoClient() throws Exception {
        upThatSays(text("SSH-2.0-OpenSSH_9.2\n"));
        assertOwn(connect());
        assertThat(said).singleElement().asString().contains("no line of JSON");
    }

    @Test
    void anAnswerWithoutEndIsNotReadOn() throws Exception {
        upThatSays(text("x".repeat(100_000)));
        assertOwn(connect());
    }

    /** One that is stopped takes connections all the same. */
    @Test
    void whoDoesNotAnswerIsNotWaitedForLong() throws Exception {
        upThatSays(Unpooled.EMPTY_BUFFER);
        assertOwn(connect());
        assertThat(said).isEmpty();
    }

    @Test
    void itDoesNotJoinWhileThatWouldLoseFlows() throws Exception {
        upThatSays(text(WELCOME));
        joining.onlyWhile(() -> false);
        assertOwn(connect());
        assertThat(taken).isEmpty();
    }
}
