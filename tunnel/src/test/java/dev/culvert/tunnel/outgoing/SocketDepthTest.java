package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SocketDepthTest {
    private static final long MILLI = 1_000_000;
    private final SocketDepth depth = new SocketDepth();
    private final KernelQueue kernel = new KernelQueue() {
        @Override
        public long leastRoundTripNanos() {
            return -1;
        }

        @Override
        public int unsentBytes() {
            return 0;
        }

        @Override
        public long ackedBytes() {
            return sent;
        }
    };
    private long now;
    private long sent;

    /** Sends for so long at a rate while the socket holds things up. */
    private void carry(long bitsPerSecond, long millis) {
        for (long i = 0; i < millis; i++) {
            now += MILLI;
            sent += bitsPerSecond / 8_000;
            depth.wrote(true, kernel, now);
        }
    }

    @Test
    void aSlowLinkGetsOneRecord() {
        carry(50_000_000, 200);
        assertThat(depth.bytes()).isEqualTo(SocketDepth.MIN);
    }

    @Test
    void aFastLinkGetsTwoMillisecondsOfItsRate() {
        carry(400_000_000, 200);
        assertThat(depth.bytes()).isEqualTo(128 << 10);
        carry(10_000_000_000L, 200);
        assertThat(depth.bytes()).isEqualTo(SocketDepth.MAX);
    }

    @Test
    void aLinkThatSlowsDownIsFollowedWithinTwoIntervals() {
        carry(5_000_000_000L, 200);
        carry(50_000_000, 101);
        assertThat(depth.bytes()).isEqualTo(SocketDepth.MIN);
    }

    @Test
    void whatTheApplicationHoldsUpSaysNothing() {
        for (int i = 0; i < 1_000; i++) {
            now += MILLI;
            sent += 100;
            assertThat(depth.wrote(false, kernel, now)).isFalse();
        }
        now += 10_000 * MILLI;
        assertThat(depth.wrote(true, kernel, now)).isFalse();
        assertThat(depth.bytes()).isEqualTo(SocketDepth.START);
    }

    @Test
    void aRateBetweenTwoDepthsDoesNotFlap() {
        carry(400_000_000, 200);
        int changes = 0;
        for (int i = 0; i < 1_000; i++) {
            now += MILLI;
            sent += (i / 60 % 2 == 0 ? 230_000_000 : 280_000_000) / 8_000;
            if (depth.wrote(true, kernel, now)) {
                changes++;
            }
        }
        assertThat(changes).isLessThanOrEqualTo(1);
    }
}
