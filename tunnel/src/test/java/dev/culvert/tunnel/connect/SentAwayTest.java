package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.RawPeer;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When a keeper comes back to a gateway that was stopped in order, in frozen time. */
@NullUnmarked
class SentAwayTest extends FrozenKeeper {
    private final LinkKeeper keeper = keeper(null, gateway);

    /** A link that has lived for long enough to be a good one. */
    private RawPeer link(int version) {
        start(keeper);
        RawPeer peer = gateway.accept(gateway.dials.size() - 1, version);
        settle();
        pass(6_000);
        peer.sendFrame(Frame.PONG, 0, 0, new byte[8]);
        pass(6_000);
        return peer;
    }

    private static void drain(RawPeer peer, int version, Duration spread) {
        Drain drain = new Drain("shutting down", spread, List.of());
        ByteBuf payload = drain.payload(version);
        peer.sendFrame(Frame.DRAIN, drain.flags(version), 0, ByteBufUtil.getBytes(payload));
        payload.release();
    }

    private void close(RawPeer peer, int code) {
        peer.send(
                peer.message(0x88, ByteBuffer.allocate(2).putShort((short) code).array()));
        settle();
    }

    @Test
    void theOnlyClientComesBackAtOnce() {
        RawPeer peer = link(2);
        drain(peer, 2, Duration.ZERO);
        assertThat(events.drains).containsExactly(new Drain("shutting down", Duration.ZERO, List.of()));
        assertThat(events.waits).as("the link is there until it ends").isEmpty();
        close(peer, Link.CLOSE_GOING);
        assertThat(events.waits).containsExactly(0L);
        pass(0);
        assertThat(gateway.dials).hasSize(2);
    }

    @Test
    void whenThereAreManyItWaitsAsTheGatewaySaid() {
        long longest = 0;
        for (int i = 0; i < 20; i++) {
            RawPeer peer = link(2);
            drain(peer, 2, Duration.ofSeconds(20));
            close(peer, Link.CLOSE_GOING);
            long wait = events.waits.get(i);
            assertThat(wait).isBetween(0L, 20_000L);
            longest = Math.max(longest, wait);
            pass(wait);
        }
        assertThat(longest).as("the longest of twenty").isGreaterThan(2_000);
    }

    /** Also when its Close was lost, and the connection is just reset. */
    @Test
    void howeverTheLinkEndsAfterwards() {
        RawPeer peer = link(2);
        drain(peer, 2, Duration.ZERO);
        peer.channel.close();
        settle();
        assertThat(events.waits).containsExactly(0L);
    }

    @Test
    void aTokenThatHasEndedIsNotHurried() {
        RawPeer peer = link(2);
        drain(peer, 2, Duration.ZERO);
        close(peer, Link.CLOSE_TOKEN_ENDED);
        assertThat(events.waits.get(0)).isBetween(30_000L, 60_000L);
    }

    @Test
    void theNextLinkKnowsNothingOfIt() {
        RawPeer peer = link(2);
        drain(peer, 2, Duration.ZERO);
        close(peer, Link.CLOSE_GOING);
        pass(0);
        RawPeer next = gateway.accept(1, 2);
        settle();
        pass(11_000);
        close(next, Link.CLOSE_GOING);
        assertThat(events.waits.get(1)).isBetween(125L, 1_000L);
    }

    /** As it was: text for people, and a moment's pause. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void withoutATimeItIsAsItWas(int version) {
        RawPeer peer = link(version);
        drain(peer, version, version == 1 ? Duration.ZERO : null);
        assertThat(events.drains).containsExactly(new Drain("shutting down"));
        close(peer, Link.CLOSE_GOING);
        assertThat(events.waits.get(0)).isBetween(125L, 1_000L);
    }
}
