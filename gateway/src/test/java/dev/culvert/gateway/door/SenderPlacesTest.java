package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Ports that share few places. */
final class SenderPlacesTest {
    private final SenderPlaces places = new SenderPlaces(5);

    /** Whose loop is this one, or another, which makes room later. */
    private final class Port implements SenderPlaces.Port {
        private final boolean atOnce;
        private int asked;

        Port(boolean atOnce) {
            this.atOnce = atOnce;
        }

        Port with(int senders) {
            for (int i = 0; i < senders; i++) {
                assertThat(places.take(this)).isTrue();
            }
            return this;
        }

        @Override
        public void makeRoom() {
            asked++;
            if (atOnce) {
                places.give(this);
            }
        }
    }

    @Test
    void thePortWithMostMakesRoom() {
        Port large = new Port(true).with(3);
        Port small = new Port(true).with(1);
        Port third = new Port(true).with(2);
        assertThat(large.asked).isEqualTo(1);
        assertThat(places.of(large)).isEqualTo(2);
        large.with(1);
        assertThat(places.of(small)).as("who has least").isEqualTo(1);
        assertThat(large.asked + third.asked).isEqualTo(2);
    }

    @Test
    void whereRoomComesLaterTheNextHasIt() {
        Port large = new Port(false).with(5);
        Port small = new Port(true);
        assertThat(places.take(small)).isFalse();
        assertThat(large.asked).isEqualTo(1);
        places.give(large);
        assertThat(places.take(small)).isTrue();
    }
}
