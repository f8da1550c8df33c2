package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.DnsBytes;
import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.loop.EventLoops;
import dev.culvert.tunnel.names.DnsMessage;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.EventLoopGroup;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Questions to this machine's name servers: real sockets on a loop, on which a link in memory is too. */
@NullUnmarked
class ResolverFlowsTest {
    private static final int PATIENCE = 60;
    private static final int ID = Frame.SERVER_OPENED + 1;

    private final EventLoopGroup loops = EventLoops.create(1, "test");
    private final List<InetSocketAddress> servers = new ArrayList<>();
    private final SocketBudget budget = new SocketBudget(100, 8 << 20);
    private ResolverFlows flows;
    private FlowMultiplexer mux;
    private RawPeer gateway;
    private DatagramSocket server;

    @BeforeEach
    void start() throws Exception {
        server = socket();
        servers.add(address(server));
        onLoop(() -> {
            flows = new ResolverFlows(loops.next(), budget);
            mux = new FlowMultiplexer(flow ->
                    flows.open(flow, ResolverName.domain(flow.request().destination()), () -> List.copyOf(servers)));
            gateway = new RawPeer(Link.Role.WEBSOCKET_CLIENT, true, mux);
            return null;
        });
    }

    @AfterEach
    void stop() throws Exception {
        server.close();
        onLoop(() -> {
            gateway.link.close(1000, "the end");
            while (mux.flowCount() > 0) {
                gateway.settle();
            }
            gateway.close();
            return null;
        });
        assertThat(onLoop(() -> flows.askedCount()))
                .as("questions that are counted")
                .isZero();
        onLoop(() -> null); // what was closed has given back
        assertThat(onLoop(() -> budget.count(SocketBudget.Kind.UDP) + budget.connections()))
                .as("sockets that are counted")
                .isZero();
        loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).awaitUninterruptibly(PATIENCE, TimeUnit.SECONDS);
    }

    private static DatagramSocket socket() throws Exception {
        DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        socket.setSoTimeout(1_000 * PATIENCE);
        return socket;
    }

    private static InetSocketAddress address(DatagramSocket socket) {
        return (InetSocketAddress) socket.getLocalSocketAddress();
    }

    private <T> T onLoop(Callable<T> what) throws Exception {
        return loops.submit(what).get(PATIENCE, TimeUnit.SECONDS);
    }

    private void open(int protocol, String domain) throws Exception {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(ResolverName.of(protocol, domain), null, "laptop#1", null, 65_536, 0, null).encode(b);
        assertThat(onLoop(() -> {
                    gateway.sendFrame(Frame.OPEN, 0, ID, ByteBufUtil.getBytes(b));
                    gateway.settle();
                    return gateway.takeFrames().get(0).type();
                }))
                .isEqualTo(Frame.OPENED);
    }

    private void send(int type, byte[] payload) throws Exception {
        onLoop(() -> {
            gateway.sendFrame(type, 0, ID, payload);
            gateway.settle();
            return null;
        });
    }

    private static byte[] framed(byte[] message) {
        return ByteBufUtil.getBytes(Unpooled.buffer().writeShort(message.length).writeBytes(message));
    }

    /** What the client gets next, of either kind. */
    private byte[] take(int type, int length) throws Exception {
        ByteBuf all = Unpooled.buffer();
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE);
        while (all.readableBytes() < length && System.nanoTime() - until < 0) {
            onLoop(() -> {
                gateway.settle();
                for (WebSocketMessage frame : gateway.takeFrames()) {
                    if (frame.type() == type) {
                        all.writeBytes(frame.payload());
                    }
                }
                return null;
            });
            Thread.sleep(1);
        }
        return ByteBufUtil.getBytes(all);
    }

    private static DatagramPacket receive(DatagramSocket socket) throws Exception {
        DatagramPacket packet = new DatagramPacket(new byte[65_535], 65_535);
        socket.receive(packet);
        return packet;
    }

    private static byte[] content(DatagramPacket packet) {
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    private static byte[] withId(byte[] message, byte[] of) {
        byte[] out = message.clone();
        out[0] = of[0];
        out[1] = of[1];
        return out;
    }

    @Test
    void aQuestionGoesToTheServerByteForByteAndSoDoesItsAnswer() throws Exception {
        open(Destination.UDP, "corp.example");
        for (int size : new int[] {40, 1_400, 4_096, 60_000}) {
            byte[] question = DnsBytes.question(0x0102, "DB.corp.example", 65_280, 65_535);
            send(Frame.DATAGRAM, question);
            DatagramPacket asked = receive(server);
            assertThat(withId(content(asked), question))
                    .as("options and unknown types too")
                    .isEqualTo(question);
            byte[] answer = DnsBytes.answer(content(asked), 0, size);
            server.send(new DatagramPacket(answer, answer.length, asked.getSocketAddress()));
            assertThat(take(Frame.DATAGRAM, answer.length)).isEqualTo(withId(answer, question));
        }
    }

    @Test
    void nothingButAQuestionAboutTheDomainIsAsked() throws Exception {
        open(Destination.UDP, "corp.example");
        send(Frame.DATAGRAM, DnsBytes.question(1, "db.secret.example", 1));
        assertThat(take(Frame.DATAGRAM, 35)[3] & 15).isEqualTo(DnsMessage.REFUSED);
        send(Frame.DATAGRAM, DnsBytes.question(2, "corp.example", 252));
        assertThat(take(Frame.DATAGRAM, 30)[3] & 15).as("a transfer").isEqualTo(DnsMessage.REFUSED);
        byte[] two = DnsBytes.question(3, "corp.example", 1);
        two[5] = 2;
        send(Frame.DATAGRAM, two);
        assertThat(take(Frame.DATAGRAM, 12)[3] & 15).isEqualTo(DnsMessage.FORMAT_ERROR);
        send(Frame.DATAGRAM, new byte[5]);
        send(Frame.DATAGRAM, DnsBytes.answer(DnsBytes.question(4, "corp.example", 1), 0, 4));
        send(Frame.DATAGRAM, DnsBytes.question(5, "corp.example", 1));
        assertThat(content(receive(server))).as("the only one").hasSize(30);
    }

    /** Who cannot see the question has to guess its id and its port. */
    @Test
    void onlyTheServersOwnAnswerCounts() throws Exception {
        open(Destination.UDP, "");
        send(Frame.DATAGRAM, DnsBytes.question(9, "a.example", 1));
        DatagramPacket asked = receive(server);
        byte[] right = DnsBytes.answer(content(asked), 0, 4);
        byte[] wrongId = right.clone();
        wrongId[0] ^= 1;
        byte[] wrongName = right.clone();
        wrongName[13] = 'b';
        byte[] question = content(asked);
        try (DatagramSocket stranger = socket()) {
            stranger.send(new DatagramPacket(right, right.length, asked.getSocketAddress()));
        }
        for (byte[] bytes : List.of(wrongId, wrongName, question, right)) {
            server.send(new DatagramPacket(bytes, bytes.length, asked.getSocketAddress()));
        }
        assertThat(take(Frame.DATAGRAM, right.length)).isEqualTo(withId(right, new byte[] {0, 9}));
    }

    @Test
    void theNextServerIsAskedWhenOneCannotOrIsNotThere() throws Exception {
        DatagramSocket gone = socket();
        servers.add(0, address(gone));
        gone.close(); // the kernel says so at once
        try (DatagramSocket second = socket()) {
            servers.add(address(second));
            open(Destination.UDP, "");
            send(Frame.DATAGRAM, DnsBytes.question(1, "a.example", 1));
            DatagramPacket asked = receive(server);
            byte[] failure = DnsBytes.answer(content(asked), DnsMessage.SERVER_FAILURE, 4);
            server.send(new DatagramPacket(failure, failure.length, asked.getSocketAddress()));
            asked = receive(second);
            byte[] answer = DnsBytes.answer(content(asked), 3, 4);
            second.send(new DatagramPacket(answer, answer.length, asked.getSocketAddress()));
            assertThat(take(Frame.DATAGRAM, answer.length)[3] & 15)
                    .as("that there is no such name is an answer")
                    .isEqualTo(3);
        }
    }

    @Test
    void whenNoneIsThereThatIsTheAnswer() throws Exception {
        server.close();
        open(Destination.UDP, "");
        byte[] question = DnsBytes.question(1, "a.example", 1, 4_096);
        send(Frame.DATAGRAM, question);
        byte[] answer = take(Frame.DATAGRAM, 38);
        assertThat(answer[3] & 15).isEqualTo(DnsMessage.SERVER_FAILURE);
        assertThat(answer).as("with an OPT record, as the question").hasSize(38).startsWith(0, 1);
    }

    /** One that does not know EDNS: whoever asked shall hear it now, and ask without. */
    @Test
    void aServerThatCouldNotReadTheQuestionHasAnswered() throws Exception {
        open(Destination.UDP, "");
        send(Frame.DATAGRAM, DnsBytes.question(1, "a.example", 1, 4_096));
        DatagramPacket asked = receive(server);
        byte[] error = {0, 0, (byte) 0x81, (byte) 0x81, 0, 0, 0, 0, 0, 0, 0, 0};
        error = withId(error, content(asked));
        server.send(new DatagramPacket(error, error.length, asked.getSocketAddress()));
        byte[] answer = take(Frame.DATAGRAM, 38);
        assertThat(answer).startsWith(0, 1);
        assertThat(answer[3] & 15).isEqualTo(DnsMessage.FORMAT_ERROR);
    }

    /** As when there are no descriptors left: Netty has a stand-in then, which cannot even be closed. */
    @Test
    void whereNoSocketIsToBeHadTheNextServerIsAsked() throws Exception {
        servers.add(0, InetSocketAddress.createUnresolved("none", 53));
        open(Destination.UDP, "");
        send(Frame.DATAGRAM, DnsBytes.question(1, "a.example", 1));
        DatagramPacket asked = receive(server);
        byte[] answer = DnsBytes.answer(content(asked), 0, 4);
        server.send(new DatagramPacket(answer, answer.length, asked.getSocketAddress()));
        assertThat(take(Frame.DATAGRAM, answer.length)).startsWith(0, 1);
    }

    /** They cost memory, of which all flows of a client have a part only. */
    @Test
    void flowsWithoutQuestionsAreCounted() throws Exception {
        ByteBuf b = Unpooled.buffer();
        new OpenRequest(ResolverName.of(Destination.UDP, "corp.example"), null, "laptop#1", null, 65_536, 0, null)
                .encode(b);
        byte[] open = ByteBufUtil.getBytes(b);
        int refused = onLoop(() -> {
            int count = 0;
            for (int i = 0; i < 1_500; i++) {
                gateway.sendFrame(Frame.OPEN, 0, ID + i * 2, open);
                gateway.settle();
                for (WebSocketMessage frame : gateway.takeFrames()) {
                    count += frame.type() == Frame.REFUSED ? 1 : 0;
                }
            }
            return count;
        });
        assertThat(refused).isBetween(1, 1_000);
    }

    @Test
    void aConnectionCarriesManyQuestionsWhoseAnswersComeAsTheyAreThere() throws Exception {
        try (ServerSocket tcp = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            tcp.setSoTimeout(1_000 * PATIENCE);
            servers.set(0, (InetSocketAddress) tcp.getLocalSocketAddress());
            open(Destination.TCP, "corp.example");
            byte[] first = DnsBytes.question(1, "a.corp.example", 1);
            byte[] second = DnsBytes.question(2, "b.corp.example", 1);
            byte[] both = ByteBufUtil.getBytes(Unpooled.wrappedBuffer(framed(first), framed(second)));
            send(Frame.DATA, Arrays.copyOf(both, 20)); // of any cut
            send(Frame.DATA, Arrays.copyOfRange(both, 20, both.length));
            send(Frame.FIN, new byte[0]);
            try (Socket a = tcp.accept();
                    Socket b = tcp.accept()) {
                byte[] askedA = read(a);
                byte[] askedB = read(b);
                boolean inOrder = askedA[13] == 'a';
                byte[] large = DnsBytes.answer(askedB, 0, 30_000);
                write(b, large);
                byte[] idB = {0, (byte) (inOrder ? 2 : 1)};
                assertThat(take(Frame.DATA, large.length + 2)).isEqualTo(framed(withId(large, idB)));
                byte[] small = DnsBytes.answer(askedA, 0, 4);
                write(a, small);
                byte[] idA = {0, (byte) (inOrder ? 1 : 2)};
                assertThat(take(Frame.DATA, small.length + 2)).isEqualTo(framed(withId(small, idA)));
            }
        }
    }

    private static byte[] read(Socket from) throws Exception {
        DataInputStream in = new DataInputStream(from.getInputStream());
        return in.readNBytes(in.readUnsignedShort());
    }

    private static void write(Socket to, byte[] message) throws Exception {
        DataOutputStream out = new DataOutputStream(to.getOutputStream());
        out.write(framed(message));
        out.flush();
    }

    @Test
    void aFlowThatEndsTakesItsQuestionsAlong() throws Exception {
        open(Destination.UDP, "");
        send(Frame.DATAGRAM, DnsBytes.question(1, "a.example", 1));
        receive(server);
        assertThat(onLoop(() -> flows.askedCount())).isEqualTo(1);
        send(Frame.RESET, new byte[] {13});
        assertThat(onLoop(() -> flows.askedCount())).isZero();
    }
}
