package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.Reason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** An instance whose dials fail where another's may succeed is passed over for a while. */
@NullUnmarked
final class FailedDialsTest {
    private static final String ROUTE = "10.0.0.0/8";

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private long nanos;
    private final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), () -> nanos, 1_000);
    private final List<EmbeddedPeer> peers = new ArrayList<>();
    private final EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE));
    private EmbeddedPeer bad;
    private EmbeddedPeer good;
    private int lastFlow;

    @BeforeEach
    void attach() {
        bad = peer(fabric.agent("office", null, ROUTE));
        bad.announce("bad", ROUTE);
        good = peer(fabric.agent("office", null, ROUTE));
        good.announce("good", ROUTE);
    }

    @AfterEach
    void nothingIsLeft() {
        peers.forEach(EmbeddedPeer::end);
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    private EmbeddedPeer peer(FrameSwitch link) {
        EmbeddedPeer peer = new EmbeddedPeer(link, allocator, 2);
        peers.add(peer);
        return peer;
    }

    /** The instance that is asked, and by which id. */
    private record Asked(EmbeddedPeer agent, int id) {}

    private Asked open(int protocol, String host) throws Exception {
        peers.forEach(EmbeddedPeer::take);
        ByteBuf b = Unpooled.buffer();
        OpenRequest.ofClient(
                        Destination.of(protocol, InetAddress.getByName(host), 80),
                        "office",
                        new InetSocketAddress("192.0.2.9", 5_000))
                .over(1_000, 0, null)
                .encode(b);
        client.send(Frame.OPEN, 0, ++lastFlow, b);
        peers.forEach(peer -> peer.advance(0));
        for (EmbeddedPeer agent : List.of(bad, good)) {
            for (WebSocketMessage frame : agent.take(Frame.OPEN)) {
                return new Asked(agent, frame.flowId());
            }
        }
        throw new AssertionError("nobody was asked");
    }

    private void refuse(Asked asked, Reason reason) {
        asked.agent.send(Frame.REFUSED, 0, asked.id, Unpooled.wrappedBuffer(new byte[] {(byte) reason.code()}));
        peers.forEach(peer -> peer.advance(0));
    }

    private void opened(Asked asked) {
        asked.agent.send(
                Frame.OPENED, 0, asked.id, Unpooled.buffer().writeInt(1_000).writeInt(0));
        peers.forEach(peer -> peer.advance(0));
    }

    /** So that the bad one has the fewest, and would be asked. */
    private void fails(String host, Reason reason) throws Exception {
        Asked asked = open(Destination.TCP, host);
        if (asked.agent == good) {
            opened(asked);
            asked = open(Destination.TCP, host);
        }
        assertThat(asked.agent).isSameAs(bad);
        refuse(asked, reason);
    }

    @Test
    void theOtherIsAskedForThatDestinationAndForNoOther() throws Exception {
        fails("10.0.0.1", Reason.HOST_UNREACHABLE);
        for (int i = 0; i < 4; i++) {
            Asked asked = open(Destination.TCP, "10.0.0.1");
            assertThat(asked.agent).isSameAs(good);
            opened(asked);
        }
        assertThat(open(Destination.TCP, "10.0.0.2").agent).isSameAs(bad);
        assertThat(open(Destination.UDP, "10.0.0.1").agent)
                .as("one source's datagrams stay with one instance")
                .isSameAs(open(Destination.UDP, "10.0.0.1").agent);
    }

    @Test
    void afterAWhileItIsTriedAgain() throws Exception {
        fails("10.0.0.1", Reason.TIMED_OUT);
        nanos += TimeUnit.SECONDS.toNanos(59);
        opened(open(Destination.TCP, "10.0.0.1"));
        opened(open(Destination.TCP, "10.0.0.1"));
        nanos += TimeUnit.SECONDS.toNanos(2);
        Asked asked = open(Destination.TCP, "10.0.0.1");
        assertThat(asked.agent).isSameAs(bad);
        refuse(asked, Reason.TIMED_OUT);
        assertThat(open(Destination.TCP, "10.0.0.1").agent).isSameAs(good);
    }

    /** It is the destination that is down: then both are as good. */
    @Test
    void whenBothFailBothAreAsked() throws Exception {
        fails("10.0.0.1", Reason.CONNECTION_REFUSED);
        Asked asked = open(Destination.TCP, "10.0.0.1");
        assertThat(asked.agent).isSameAs(good);
        refuse(asked, Reason.CONNECTION_REFUSED);
        assertThat(open(Destination.TCP, "10.0.0.1").agent).isNotSameAs(open(Destination.TCP, "10.0.0.1").agent);
    }

    /** Or any client could keep others' flows off an instance, by resuming what it never had. */
    @ParameterizedTest
    @EnumSource(
            names = {"CANCELLED", "UNKNOWN", "MOVED", "PROHIBITED", "OVERLOADED", "SHUTTING_DOWN", "PROTOCOL_ERROR"})
    void whatSaysNothingOfTheDestination(Reason reason) throws Exception {
        Asked asked = open(Destination.TCP, "10.0.0.1");
        refuse(asked, reason);
        assertThat(open(Destination.TCP, "10.0.0.1").agent).isNotSameAs(open(Destination.TCP, "10.0.0.1").agent);
    }

    /** However many fail at once. */
    @Test
    void itRemembersTheLast() throws Exception {
        for (int i = 0; i < 300; i++) {
            fails("10.1." + i / 250 + "." + (i % 250 + 1), Reason.NETWORK_UNREACHABLE);
        }
        assertThat(open(Destination.TCP, "10.1.1.50").agent).isSameAs(good);
        assertThat(open(Destination.TCP, "10.1.0.1").agent)
                .as("the first is forgotten")
                .isSameAs(bad);
    }
}
