package dev.culvert.stack.contract;

import io.netty.bootstrap.Bootstrap;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelOption;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DuplexChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;

/** The contract is Netty's own: a socket of the kernel passes it. */
class SocketChannelTest extends DuplexChannelContract {
    /** Small, so that the kernel does not take all of what is too much. */
    private static final int BUFFER = 64 << 10;

    private final MultiThreadIoEventLoopGroup group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private Remote remote;

    @Override
    protected Ends open(ChannelHandler handler) {
        try (ServerSocketChannel server = ServerSocketChannel.open()) {
            server.setOption(StandardSocketOptions.SO_RCVBUF, BUFFER);
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            DuplexChannel channel = (DuplexChannel) new Bootstrap()
                    .group(group)
                    .channel(NioSocketChannel.class)
                    .option(ChannelOption.ALLOW_HALF_CLOSURE, true)
                    .option(ChannelOption.SO_SNDBUF, BUFFER)
                    .handler(handler)
                    .connect(server.getLocalAddress())
                    .syncUninterruptibly()
                    .channel();
            remote = new Remote(server.accept());
            return new Ends(channel, remote);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Some turns of the loop; what a socket does later than that, the next wait of the test sees. */
    @Override
    protected void settle() {
        for (int i = 0; i < 10; i++) {
            group.next().submit(() -> {}).syncUninterruptibly();
        }
        remote.read();
    }

    @Override
    protected void until(String what, BooleanSupplier condition) {
        Awaitility.await(what).atMost(60, TimeUnit.SECONDS).until(() -> {
            remote.read();
            return condition.getAsBoolean();
        });
    }

    @AfterEach
    void close() throws IOException {
        group.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
        remote.socket.close();
    }

    private static final class Remote implements Peer {
        private final SocketChannel socket;
        private final StringBuilder text = new StringBuilder();
        private boolean reading = true;
        private boolean ended;

        Remote(SocketChannel socket) throws IOException {
            this.socket = socket;
            socket.configureBlocking(false);
        }

        void read() {
            ByteBuffer buffer = ByteBuffer.allocate(4096);
            try {
                while (reading && !ended) {
                    int n = socket.read(buffer.clear());
                    if (n == 0) {
                        return;
                    }
                    ended = n < 0;
                    text.append(StandardCharsets.US_ASCII.decode(buffer.flip()));
                }
            } catch (IOException e) {
                reading = false; // closed by one of the two
            }
        }

        @Override
        public void write(String words) {
            try {
                socket.write(ByteBuffer.wrap(words.getBytes(StandardCharsets.US_ASCII)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void fin() {
            try {
                socket.shutdownOutput();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void reset() {
            try {
                socket.setOption(StandardSocketOptions.SO_LINGER, 0);
                socket.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void stopReading() {
            reading = false;
        }

        @Override
        public String text() {
            return text.toString();
        }

        @Override
        public boolean sawEnd() {
            return ended;
        }
    }
}
