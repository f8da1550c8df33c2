package dev.culvert.policy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.SeededRandom;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class TimeWindowTest {
    private static final ZoneId ZURICH = ZoneId.of("Europe/Zurich");

    private static boolean open(TimeWindow window, String at) {
        return window.contains(Instant.parse(at));
    }

    @Test
    void hoursOfADay() {
        TimeWindow work = new TimeWindow(EnumSet.range(DayOfWeek.MONDAY, DayOfWeek.FRIDAY), 8 * 60, 18 * 60, ZURICH);
        assertThat(open(work, "2026-11-23T06:59:59Z")).isFalse();
        assertThat(open(work, "2026-11-23T07:00:00Z")).isTrue();
        assertThat(open(work, "2026-11-23T16:59:59Z")).isTrue();
        assertThat(open(work, "2026-11-23T17:00:00Z")).isFalse();
        assertThat(open(work, "2026-11-22T12:00:00Z")).as("a Sunday").isFalse();
        assertThat(open(work, "2026-07-20T06:00:00Z")).as("in summer").isTrue();
        assertThat(work.nextChange(Instant.parse("2026-11-23T07:00:00Z"))).isEqualTo("2026-11-23T17:00:00Z");
        assertThat(work).hasToString("mon,tue,wed,thu,fri 08:00-18:00 Europe/Zurich");
    }

    @Test
    void overMidnightItBelongsToTheDayItBegins() {
        TimeWindow night = new TimeWindow(EnumSet.of(DayOfWeek.FRIDAY), 22 * 60, 6 * 60, ZoneId.of("UTC"));
        assertThat(open(night, "2026-11-20T21:59:00Z")).isFalse();
        assertThat(open(night, "2026-11-20T22:00:00Z")).isTrue();
        assertThat(open(night, "2026-11-21T05:59:00Z")).isTrue();
        assertThat(open(night, "2026-11-21T06:00:00Z")).isFalse();
        assertThat(open(night, "2026-11-20T05:00:00Z")).as("Thursday's night").isFalse();
    }

    /** Between now and the next change nothing changes, also while clocks are put forward and back. */
    @Test
    void nothingChangesBeforeTheNextChange() {
        SeededRandom random = SeededRandom.create();
        String[] zones = {"Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "UTC"};
        for (int i = 0; i < 3_000; i++) {
            EnumSet<DayOfWeek> days = EnumSet.of(DayOfWeek.of(1 + random.nextInt(7)));
            if (random.nextBoolean()) {
                days.add(DayOfWeek.SUNDAY); // when clocks change
            }
            int from = random.nextInt(TimeWindow.DAY);
            int to = 1 + random.nextInt(random.nextBoolean() ? 240 : TimeWindow.DAY);
            if (from == to) {
                continue;
            }
            TimeWindow window = new TimeWindow(days, from, to, ZoneId.of(zones[random.nextInt(zones.length)]));
            Instant now = Instant.parse(random.nextBoolean() ? "2026-03-28T00:00:00Z" : "2026-10-31T00:00:00Z")
                    .plusSeconds(random.nextInt(9 * 86_400));
            Instant next = Objects.requireNonNull(window.nextChange(now));
            boolean open = window.contains(now);
            assertThat(next).isAfter(now);
            for (Instant t = now; t.isBefore(next); t = t.plusSeconds(60)) {
                assertThat(window.contains(t))
                        .as("%s at %s, next change after %s at %s, seed %d", window, t, now, next, random.seed)
                        .isEqualTo(open);
            }
        }
    }
}
