package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.token.AgentToken;
import dev.culvert.token.IpPrefix;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.EventLoops;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.Frame;
import dev.culvert.tunnel.Link;
import dev.culvert.tunnel.LinkConnector;
import dev.culvert.tunnel.LinkSettings;
import dev.culvert.tunnel.OpenRequest;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import io.netty.util.internal.PlatformDependent;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** An agent that is asked for very many flows, by a gateway that is the test. */
@NullUnmarked
class ManyFlowsTest {
    private static final int PATIENCE = 60;
    private static final InetAddress LAN = InetAddress.getLoopbackAddress();
    private static final int PAGE = 64 << 10;

    private ServerSocket gateway;
    private Agent agent;
    private FlowMultiplexer mux;
    private Socket socket;
    private DataInputStream in;
    private int lastId = Frame.SERVER_OPENED;

    @BeforeEach
    void start() throws Exception {
        gateway = new ServerSocket(0, 5, LAN);
        gateway.setSoTimeout(1_000 * PATIENCE);
        URI uri = URI.create("ws://127.0.0.1:" + gateway.getLocalPort());
        Instant now = Instant.now();
        AgentToken token = AgentToken.of(
                TokenTerms.of("office", List.of(uri), null, now, now.plusSeconds(600)),
                List.of(IpPrefix.parse("127.0.0.0/8")));
        agent = new Agent(token, List.of(new LinkConnector(uri, null, "token")), LinkSettings.DEFAULT);
        mux = new FlowMultiplexer(agent.new Flows());
        new Bootstrap()
                .group(agent.loop)
                .channel(EventLoops.socketChannel())
                .handler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel ch) {
                        ch.pipeline().addLast(new Link(Link.Role.WEBSOCKET_CLIENT, true, LinkSettings.DEFAULT, mux));
                    }
                })
                .connect(gateway.getLocalSocketAddress())
                .sync();
        socket = gateway.accept();
        socket.setSoTimeout(1_000 * PATIENCE);
        in = new DataInputStream(socket.getInputStream());
    }

    @AfterEach
    void stop() throws Exception {
        socket.close();
        agent.close();
        gateway.close();
    }

    private int flows() throws Exception {
        return agent.loop.submit(mux::flowCount).get(PATIENCE, TimeUnit.SECONDS);
    }

    private void frame(int type, int id, byte[] payload) throws IOException {
        int length = Frame.HEADER_LENGTH + payload.length;
        ByteBuffer b = ByteBuffer.allocate(10 + length).put((byte) 0x82);
        if (length < 126) {
            b.put((byte) length);
        } else {
            b.put((byte) 126).putShort((short) length);
        }
        b.put((byte) type).put((byte) 0).putShort((short) 0).putInt(id).put(payload);
        socket.getOutputStream().write(b.array(), 0, b.position());
    }

    private void open(String client, int protocol, int port) throws IOException {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(
                        Destination.of(protocol, LAN, port),
                        "office",
                        client,
                        new InetSocketAddress("10.9.0.2", 4_000),
                        0,
                        1_000,
                        null)
                .encode(b);
        byte[] bytes = new byte[b.readableBytes()];
        b.readBytes(bytes);
        frame(Frame.OPEN, ++lastId, bytes);
    }

    /** The agent's next frame of these types, from its header on. */
    private ByteBuffer next(int... types) throws IOException {
        while (true) {
            int opcode = in.readUnsignedByte() & 15;
            int length = in.readUnsignedByte() & 0x7f;
            length = length < 126 ? length : length == 126 ? in.readUnsignedShort() : (int) in.readLong();
            in.readInt();
            ByteBuffer message = ByteBuffer.wrap(in.readNBytes(length));
            for (int type : types) {
                if (opcode == 2 && message.get(0) == type) {
                    return message;
                }
            }
        }
    }

    /** The first credit of a new flow. */
    private int opened() throws IOException {
        ByteBuffer answer = next(Frame.OPENED, Frame.REFUSED);
        assertThat(answer.get(0)).isEqualTo((byte) Frame.OPENED);
        return answer.getInt(Frame.HEADER_LENGTH);
    }

    @Test
    void whatMayWaitForHostsThatDoNotReadIsAShareOfTheMemoryForBuffers() throws Exception {
        int many = 1_500;
        try (ServerSocket silent = new ServerSocket(0, many + 100, LAN)) {
            int port = silent.getLocalPort();
            long granted = 0;
            for (int i = 0; i < many; i++) {
                open("laptop#1", Destination.TCP, port);
                int credit = opened();
                granted += credit;
                for (int left = credit; left > 0; left -= 16_000) {
                    frame(Frame.DATA, lastId, new byte[Math.min(left, 16_000)]);
                }
            }
            assertThat(granted)
                    .isLessThan(PlatformDependent.maxDirectMemory() / 16)
                    .isLessThan((long) many * PAGE / 2);
            open("other#2", Destination.TCP, port);
            assertThat(opened()).as("another client's").isEqualTo(PAGE);

            while (lastId != Frame.SERVER_OPENED) {
                frame(Frame.RESET, lastId--, new byte[] {1});
            }
            Awaitility.await().atMost(Duration.ofSeconds(PATIENCE)).until(() -> flows() == 0);
            lastId = Frame.SERVER_OPENED + 2 * many;
            open("laptop#1", Destination.TCP, port);
            assertThat(opened()).as("when all is over").isEqualTo(PAGE);
        }
    }
}
