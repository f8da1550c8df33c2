package dev.culvert.gateway.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Real sockets: what clients and servers that are not ours make of it. */
@Timeout(60)
final class LoopbackTest {
    private static final long LARGE = 48L << 20;

    /** So that the kernel's buffers do not hide what is ours. */
    private static final int SOCKET_BUFFER = 64 << 10;

    private final MultiThreadIoEventLoopGroup loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final List<Channel> fronts = new CopyOnWriteArrayList<>();
    private InetSocketAddress target = new InetSocketAddress(InetAddress.getLoopbackAddress(), 1);
    private Channel door;

    @BeforeEach
    void open() {
        Site site = new Site() {
            @Override
            public String name() {
                return "127.0.0.1";
            }

            @Override
            public SiteOptions options() {
                return SiteOptions.PLAIN;
            }

            @Override
            public Future<? extends Channel> connect(EventLoop loop) {
                Promise<Channel> promise = loop.newPromise();
                new Bootstrap()
                        .group(loop)
                        .channel(NioSocketChannel.class)
                        .option(ChannelOption.AUTO_READ, false)
                        .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                        .option(ChannelOption.SO_RCVBUF, SOCKET_BUFFER)
                        .option(ChannelOption.SO_SNDBUF, SOCKET_BUFFER)
                        .handler(new ChannelInboundHandlerAdapter())
                        .connect(target)
                        .addListener((ChannelFuture f) -> {
                            if (f.isSuccess()) {
                                promise.setSuccess(f.channel());
                            } else {
                                promise.setFailure(f.cause());
                            }
                        });
                return promise;
            }
        };
        door = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_RCVBUF, SOCKET_BUFFER) // which accepted ones inherit
                .childOption(ChannelOption.AUTO_READ, false)
                .childOption(ChannelOption.SO_SNDBUF, SOCKET_BUFFER)
                .childHandler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel ch) {
                        fronts.add(ch);
                        HttpFront.install(
                                ch.pipeline(),
                                (host, path) -> site,
                                new Browser(InetAddress.getLoopbackAddress(), false, List.of()),
                                "http/1.1");
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0)
                .syncUninterruptibly()
                .channel();
    }

    @AfterEach
    void close() {
        threads.shutdownNow();
        door.close().syncUninterruptibly();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }

    private int port() {
        return ((InetSocketAddress) door.localAddress()).getPort();
    }

    private Socket browser() throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(SOCKET_BUFFER);
        socket.setSendBufferSize(SOCKET_BUFFER);
        socket.connect(door.localAddress());
        return socket;
    }

    private interface Conversation {
        void with(Socket socket) throws IOException;
    }

    private void target(Conversation conversation) throws IOException {
        ServerSocket listener = new ServerSocket();
        listener.setReceiveBufferSize(SOCKET_BUFFER);
        listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        target = (InetSocketAddress) listener.getLocalSocketAddress();
        threads.execute(() -> {
            try (listener;
                    Socket socket = listener.accept()) {
                socket.setSendBufferSize(SOCKET_BUFFER);
                conversation.with(socket);
            } catch (IOException e) {
                // what the browser sees of it is looked at
            }
        });
    }

    private static String head(InputStream in) throws IOException {
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) {
            int b = in.read();
            if (b < 0) {
                throw new SocketException("ended within a head: " + head);
            }
            head.append((char) b);
        }
        return head.toString();
    }

    private static void write(Socket socket, String text) throws IOException {
        socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Test
    void anOrdinaryClientAndAnOrdinaryServer() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, 0); // chunked
            try (OutputStream out = exchange.getResponseBody()) {
                out.write(body);
            }
        });
        server.start();
        target = server.getAddress();
        HttpClient client = HttpClient.newHttpClient(); // which offers h2c
        URI uri = URI.create("http://127.0.0.1:" + port() + "/echo");
        byte[] body = new byte[300_000];
        for (int i = 0; i < 10; i++) {
            body[i * 1_000] = (byte) i;
            HttpResponse<byte[]> answer = client.send(
                    HttpRequest.newBuilder(uri)
                            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                            .build(),
                    HttpResponse.BodyHandlers.ofByteArray());
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.version()).isEqualTo(HttpClient.Version.HTTP_1_1);
            assertThat(answer.body()).isEqualTo(body);
        }
        server.stop(0);
    }

    @Test
    void aLargeAnswerIsHeldBackByABrowserThatDoesNotRead() throws Exception {
        AtomicLong written = new AtomicLong();
        AtomicLong read = new AtomicLong();
        AtomicLong most = new AtomicLong();
        target(socket -> {
            head(socket.getInputStream());
            write(socket, "HTTP/1.1 200 OK\r\nContent-Length: " + LARGE + "\r\n\r\n");
            byte[] piece = new byte[16 << 10];
            for (long n = 0; n < LARGE; n += piece.length) {
                socket.getOutputStream().write(piece);
                long ahead = written.addAndGet(piece.length) - read.get();
                most.accumulateAndGet(ahead, Math::max);
            }
        });
        try (Socket browser = browser()) {
            write(browser, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            await().atMost(30, TimeUnit.SECONDS).until(() -> !fronts.get(0).isWritable());
            InputStream in = browser.getInputStream();
            head(in);
            byte[] some = new byte[4 << 10];
            CRC32 sum = new CRC32(); // slower than the target
            for (int n = in.read(some); n >= 0; n = in.read(some)) {
                read.addAndGet(n);
                sum.update(some, 0, n);
            }
        }
        assertThat(read.get()).isEqualTo(LARGE);
        assertThat(most.get()).isLessThan(LARGE / 8);
    }

    @Test
    void aLargeUploadIsHeldBackByATargetThatDoesNotRead() throws Exception {
        AtomicLong written = new AtomicLong();
        AtomicLong read = new AtomicLong();
        AtomicLong most = new AtomicLong();
        target(socket -> {
            InputStream in = socket.getInputStream();
            head(in);
            byte[] some = new byte[4 << 10];
            CRC32 sum = new CRC32();
            while (read.get() < LARGE) {
                int n = in.read(some);
                most.accumulateAndGet(written.get() - read.addAndGet(n), Math::max);
                sum.update(some, 0, n);
            }
            write(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        try (Socket browser = browser()) {
            write(
                    browser,
                    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: " + LARGE + "\r\n\r\n");
            byte[] piece = new byte[16 << 10];
            for (long n = 0; n < LARGE; n += piece.length) {
                browser.getOutputStream().write(piece);
                written.addAndGet(piece.length);
            }
            assertThat(new String(browser.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                    .startsWith("HTTP/1.1 200 OK\r\n")
                    .endsWith("ok");
        }
        assertThat(most.get()).isLessThan(LARGE / 8);
    }

    @Test
    void aBrowserThatIsResetResetsTheTarget() throws Exception {
        AtomicLong ended = new AtomicLong();
        target(socket -> {
            head(socket.getInputStream());
            write(socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
            try {
                if (socket.getInputStream().read() < 0) {
                    ended.incrementAndGet();
                }
            } catch (IOException e) {
                ended.incrementAndGet();
            }
        });
        try (Socket browser = browser()) {
            write(browser, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
            InputStream in = browser.getInputStream();
            assertThat(head(in)).contains("text/event-stream");
            while (in.read() != '1') {
                // an event comes at once, not with the next
            }
            browser.setSoLinger(true, 0);
        }
        await().atMost(30, TimeUnit.SECONDS).until(() -> ended.get() == 1);
    }

    @Test
    void aTargetThatIsNotThere() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            target = (InetSocketAddress) taken.getLocalSocketAddress();
        }
        try (Socket browser = browser()) {
            write(browser, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            assertThat(new String(browser.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1))
                    .startsWith("HTTP/1.1 502 Bad Gateway\r\n")
                    .contains("refuses connections");
        }
    }
}
