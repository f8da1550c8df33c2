package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.gateway.TestNetwork.Peer;
import dev.culvert.gateway.publish.Published;
import dev.culvert.gateway.publish.TestUsages;
import dev.culvert.policy.publication.Publication;
import dev.culvert.token.Grant;
import dev.culvert.tunnel.fixture.TestFlow;
import dev.culvert.tunnel.frame.Reason;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.bootstrap.Bootstrap;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Senders to a port of UDP whose agent refuses them, unless it is to answer, at a gateway whose time stands still. */
@NullUnmarked
final class PublishedDatagramsTest {
    @TempDir
    Path dir;

    private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - 1_000);
    private final List<DatagramSocket> sockets = new ArrayList<>();
    private volatile boolean answers;
    private volatile Published published = to("10.0.0.9:7");
    private TestNetwork net;
    private Peer agent;
    private InetSocketAddress port;

    private static Published to(String target) {
        return new Published("office", Publication.parse("udp:5000=" + target), false);
    }

    @BeforeEach
    void start() throws Exception {
        net = new TestNetwork(dir, true, 1);
        agent = net.agent(
                "office",
                flow -> {
                    if (answers) {
                        TestFlow.echo(flow);
                    } else {
                        flow.refuse(Reason.HOST_UNREACHABLE, "no");
                    }
                },
                "10.0.0.0/24");
        net.published()
                .targets(List.of(Grant.parse("office:10.0.0.9:7/udp"), Grant.parse("office:10.0.0.10:7/udp")))
                .get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        port = bind(handler(new SenderPlaces()));
    }

    private PublishedDatagrams handler(SenderPlaces places) {
        return new PublishedDatagrams(
                () -> TestUsages.of(published), 5_000, net.published()::open, net.visitors(), places, now::get, null);
    }

    private InetSocketAddress bind(PublishedDatagrams handler) throws Exception {
        return (InetSocketAddress) new Bootstrap()
                .group(net.gatewayLoop())
                .channelFactory(EventLoops::newDatagramChannel)
                .handler(handler)
                .bind("127.0.0.1", 0)
                .sync()
                .channel()
                .localAddress();
    }

    @AfterEach
    void stop() {
        sockets.forEach(DatagramSocket::close);
        net.close();
    }

    private DatagramSocket sender(String address) throws Exception {
        DatagramSocket socket = new DatagramSocket(new InetSocketAddress(InetAddress.getByName(address), 0));
        sockets.add(socket);
        return socket;
    }

    private void send(DatagramSocket sender, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            sender.send(new DatagramPacket(new byte[] {1}, 1, port));
        }
    }

    /** All that has been sent has been looked at, and so many flows were asked for, one of them by this itself. */
    private void asked(int opens) throws Exception {
        send(sender("127.0.0.9"), 1); // behind all that is sent before it
        await().until(() -> agent.opens.size() >= opens);
        await().until(() -> net.flowsAtGateway() == 0);
        assertThat(agent.opens).hasSize(opens);
    }

    @Test
    void whoIsRefusedIsNotAskedForAgainByEachDatagram() throws Exception {
        DatagramSocket sender = sender("127.0.0.1");
        send(sender, 1);
        asked(2);
        send(sender, 20);
        asked(3);
        now.addAndGet(PublishedDatagrams.SILENCE.toNanos());
        send(sender, 20);
        await().until(() -> agent.opens.size() >= 4);
        asked(5);
        now.addAndGet(PublishedDatagrams.SILENCE.toNanos());
        send(sender, 20);
        asked(6); // its silence is twice as long now
        now.addAndGet(PublishedDatagrams.SILENCE.toNanos());
        send(sender, 1);
        await().until(() -> agent.opens.size() >= 7);
    }

    @Test
    void whatIsPublishedSinceIsAskedForAtOnce() throws Exception {
        DatagramSocket sender = sender("127.0.0.1");
        send(sender, 1);
        asked(2);
        published = to("10.0.0.10:7");
        send(sender, 1);
        asked(4);
    }

    /** Time stands still: an address has had its share then, and another still gets in. */
    @Test
    void oneAddressLeavesNewSendersToOthers() throws Exception {
        for (int i = 0; i < 200; i++) {
            send(sender("127.0.0.1"), 1);
        }
        send(sender("127.0.0.9"), 1);
        await().until(() -> agent.opens.stream()
                .anyMatch(open -> open.source().getAddress().getHostAddress().equals("127.0.0.9")));
        assertThat(agent.opens).hasSizeLessThan(200);
    }

    /** There is room for three: of the two ports the one with most senders loses those that were heard of longest ago. */
    @Test
    void whereAllPortsAreFullTheOneWithMostMakesRoom() throws Exception {
        answers = true;
        SenderPlaces places = new SenderPlaces(3);
        PublishedDatagrams first = handler(places);
        PublishedDatagrams second = handler(places);
        InetSocketAddress large = bind(first);
        InetSocketAddress small = bind(second);
        List<DatagramSocket> talking = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            talking.add(sender("127.0.0.1"));
            echoed(talking.get(i), large);
        }
        assertThat(places.of(first)).isEqualTo(3);
        echoed(sender("127.0.0.2"), small);
        echoed(sender("127.0.0.2"), small);
        assertThat(places.of(first)).isEqualTo(1);
        assertThat(places.of(second)).isEqualTo(2);
        int opens = agent.opens.size();
        echoed(talking.get(3), large);
        assertThat(agent.opens).as("the last that was heard of has stayed").hasSize(opens);
        await().until(() -> net.flowsAtGateway() == 2 * 3); // two halves each
    }

    /** A newcomer at another event loop sends ten datagrams before this one looks: that costs one sender, not ten. */
    @Test
    void aPortThatIsAskedForRoomTwiceAtATimeMakesItOnce() throws Exception {
        answers = true;
        SenderPlaces places = new SenderPlaces(3);
        PublishedDatagrams full = handler(places);
        InetSocketAddress there = bind(full);
        for (int i = 0; i < 3; i++) {
            echoed(sender("127.0.0.1"), there);
        }
        CountDownLatch go = new CountDownLatch(1);
        Future<?> busy = net.gatewayLoop().submit(() -> go.await(TestNetwork.PATIENCE, TimeUnit.SECONDS));
        SenderPlaces.Port newcomer = () -> {};
        for (int i = 0; i < 10; i++) {
            assertThat(places.take(newcomer)).isFalse();
        }
        go.countDown();
        busy.get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        net.gatewayLoop().submit(() -> {}).get(TestNetwork.PATIENCE, TimeUnit.SECONDS); // behind what it was asked
        assertThat(places.of(full)).isEqualTo(2);
        full.makeRoom();
        net.gatewayLoop().submit(() -> {}).get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
        assertThat(places.of(full)).as("asked anew").isEqualTo(1);
    }

    private static void echoed(DatagramSocket sender, InetSocketAddress by) throws Exception {
        sender.setSoTimeout((int) TimeUnit.SECONDS.toMillis(TestNetwork.PATIENCE));
        sender.send(new DatagramPacket(new byte[] {1}, 1, by));
        sender.receive(new DatagramPacket(new byte[1], 1));
    }
}
