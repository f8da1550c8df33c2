package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.frame.OpenRequest;
import dev.culvert.tunnel.frame.SessionId;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** One source's datagrams go to one instance (RFC 4787 section 4.1): whichever links came first, and at whatever gateway. */
@NullUnmarked
final class SourceMappingTest {
    private static final String ROUTE = "10.0.0.0/8";
    private static final int SOURCES = 200;

    private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true, true);
    private final List<Gateway> gateways = new ArrayList<>();

    /** One of several, with the same client. */
    private final class Gateway {
        final TestFabric fabric = new TestFabric(AuditLog.none(), Clock.systemUTC(), () -> 0, 1_000);
        final Map<String, EmbeddedPeer> agents = new HashMap<>();
        final List<EmbeddedPeer> peers = new ArrayList<>();
        final EmbeddedPeer client = peer(fabric.client("ann", "office:" + ROUTE));
        private int lastFlow;

        Gateway() {
            gateways.add(this);
            ByteBuf session = Unpooled.buffer();
            new SessionId(1, 2).write(session);
            client.send(Frame.SESSION, 0, 0, session);
        }

        private EmbeddedPeer peer(FrameSwitch link) {
            EmbeddedPeer peer = new EmbeddedPeer(link, allocator, 2);
            peers.add(peer);
            return peer;
        }

        Gateway attach(String instance) {
            EmbeddedPeer before = agents.put(instance, peer(fabric.agent("office", null, ROUTE)));
            if (before != null) {
                before.end();
                peers.remove(before);
            }
            agents.get(instance).announce(instance, ROUTE);
            return this;
        }

        String asked(int source) throws Exception {
            peers.forEach(EmbeddedPeer::take);
            ByteBuf b = Unpooled.buffer();
            OpenRequest.ofClient(
                            Destination.of(Destination.UDP, InetAddress.getByName("10.0.0.1"), 53),
                            "office",
                            new InetSocketAddress("192.0.2.9", 5_000 + source))
                    .over(1_000, 0, null)
                    .encode(b);
            client.send(Frame.OPEN, 0, ++lastFlow, b);
            peers.forEach(peer -> peer.advance(0));
            for (Map.Entry<String, EmbeddedPeer> agent : agents.entrySet()) {
                if (!agent.getValue().take(Frame.OPEN).isEmpty()) {
                    return agent.getKey();
                }
            }
            throw new AssertionError("nobody was asked");
        }

        List<String> mapping() throws Exception {
            List<String> all = new ArrayList<>();
            for (int source = 0; source < SOURCES; source++) {
                all.add(asked(source));
            }
            return all;
        }
    }

    @AfterEach
    void nothingIsLeft() {
        gateways.forEach(g -> g.peers.forEach(EmbeddedPeer::end));
        assertThat(allocator.metric().usedDirectMemory()).isZero();
    }

    @Test
    void itStaysWhenLinksAreMadeAgain() throws Exception {
        Gateway gateway = new Gateway().attach("one").attach("two").attach("three");
        List<String> before = gateway.mapping();
        assertThat(Set.copyOf(before)).hasSize(3);
        assertThat(gateway.attach("one").mapping()).isEqualTo(before);
        assertThat(gateway.attach("two").attach("one").mapping()).isEqualTo(before);
    }

    @Test
    void itIsTheSameAtAnotherGateway() throws Exception {
        assertThat(new Gateway().attach("two").attach("one").mapping())
                .isEqualTo(new Gateway().attach("one").attach("two").mapping());
    }

    @Test
    void oneThatComesTakesItsShareAndNoMore() throws Exception {
        Gateway gateway = new Gateway().attach("one").attach("two");
        List<String> before = gateway.mapping();
        List<String> after = gateway.attach("three").mapping();
        int moved = 0;
        for (int i = 0; i < SOURCES; i++) {
            if (!after.get(i).equals(before.get(i))) {
                assertThat(after.get(i)).isEqualTo("three");
                moved++;
            }
        }
        assertThat(moved).isBetween(SOURCES / 6, SOURCES / 2);
    }
}
