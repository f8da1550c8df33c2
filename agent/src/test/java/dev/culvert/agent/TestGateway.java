package dev.culvert.agent;

import dev.culvert.address.IpPrefix;
import dev.culvert.token.AgentToken;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkSettings;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.List;

/** A gateway that writes what a test wants it to, and an agent that serves 127.0.0.0/8 to it. Links begin after their upgrade. */
final class TestGateway implements AutoCloseable {
    /** Seconds. */
    static final int PATIENCE = 60;

    final Agent agent;
    private final ServerSocket server;

    TestGateway() throws Exception {
        this(Instance.unnoted());
    }

    TestGateway(Instance instance) throws Exception {
        server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
        server.setSoTimeout(1_000 * PATIENCE);
        URI uri = URI.create("ws://127.0.0.1:" + server.getLocalPort());
        Instant now = Instant.now();
        AgentToken token = AgentToken.of(
                TokenTerms.of("office", List.of(uri), null, now, now.plusSeconds(600)),
                List.of(IpPrefix.parse("127.0.0.0/8")));
        agent = new Agent(token, instance, List.of(new LinkConnector(uri, null, "token")), LinkSettings.DEFAULT);
    }

    /** Nobody is there any more. */
    void stopListening() throws IOException {
        server.close();
    }

    /** A new link of the agent's, with {@code mux} at its end. */
    Wire connect(FlowMultiplexer mux) throws Exception {
        Channel agentsEnd = new Bootstrap()
                .group(agent.loop)
                .channel(EventLoops.socketChannel())
                .handler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel ch) {
                        ch.pipeline().addLast(new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, mux));
                    }
                })
                .connect(server.getLocalSocketAddress())
                .sync()
                .channel();
        return new Wire(agentsEnd, server.accept());
    }

    @Override
    public void close() throws IOException {
        agent.close();
        server.close();
    }

    /** The gateway's end of a link, byte by byte. */
    static final class Wire implements AutoCloseable {
        final Channel agentsEnd;
        private final Socket socket;
        private final DataInputStream in;

        private Wire(Channel agentsEnd, Socket socket) throws IOException {
            this.agentsEnd = agentsEnd;
            this.socket = socket;
            socket.setSoTimeout(1_000 * PATIENCE);
            socket.setTcpNoDelay(true);
            in = new DataInputStream(socket.getInputStream());
        }

        void frame(int type, int flags, int id, byte[] payload) throws IOException {
            byte[] frame = WebSocketMessage.frame(type, flags, id, payload);
            byte[] message = ByteBufUtil.getBytes(WebSocketMessage.encode(WebSocketMessage.BINARY, frame, null));
            socket.getOutputStream().write(message);
        }

        void open(int id, OpenRequest request) throws IOException {
            ByteBuf b = Unpooled.buffer();
            request.encode(b);
            frame(Frame.OPEN, 0, id, ByteBufUtil.getBytes(b));
        }

        /** The agent's next frame, from its header on. */
        ByteBuffer next() throws IOException {
            while (true) {
                WebSocketMessage message = WebSocketMessage.read(in);
                if (message.opcode() == 8) {
                    throw new IOException("closed");
                }
                if (message.opcode() == 2) {
                    return ByteBuffer.wrap(message.body());
                }
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
