package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Destination;
import org.junit.jupiter.api.Test;

final class DialsTest {
    private static final Destination AWAY = Destination.ofName(Destination.TCP, "away.lan", 80);
    private static final Destination THERE = Destination.ofName(Destination.TCP, "there.lan", 80);

    private final Dials dials = new Dials();

    /** How many more there may be; they are taken. */
    private int room(String client, Destination destination) {
        int taken = 0;
        while (dials.take(Taker.of(client, destination))) {
            taken++;
        }
        return taken;
    }

    @Test
    void aClientHasHalfWhereverItDials() {
        assertThat(room("laptop", AWAY)).isEqualTo(Dials.MAX_PER_CLIENT);
        assertThat(room("laptop", THERE)).isZero();
        assertThat(room("other", AWAY)).isEqualTo(Dials.MAX - Dials.MAX_PER_CLIENT);
    }

    /** All that is published comes under one name. */
    @Test
    void aPublishedTargetThatIsAwayStopsNoOther() {
        assertThat(room("@published", AWAY)).isEqualTo(Dials.MAX_PER_PUBLISHED_TARGET);
        assertThat(room("@published", THERE)).isEqualTo(Dials.MAX_PER_PUBLISHED_TARGET);
        dials.give(Taker.of("@published", AWAY));
        assertThat(room("@published", AWAY)).isEqualTo(1);
        assertThat(dials.total()).isEqualTo(2 * Dials.MAX_PER_PUBLISHED_TARGET);
    }

    @Test
    void whatIsRefusedIsNotCounted() {
        for (int i = 0; room("@published", Destination.ofName(Destination.TCP, "t" + i, 80)) > 0; i++) {}
        assertThat(dials.total()).isEqualTo(Dials.MAX_PER_CLIENT);
        dials.give(Taker.of("@published", Destination.ofName(Destination.TCP, "t0", 80)));
        assertThat(dials.take(Taker.of("@published", THERE))).isTrue();
        assertThat(dials.total()).isEqualTo(Dials.MAX_PER_CLIENT);
    }
}
