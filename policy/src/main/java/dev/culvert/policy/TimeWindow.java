package dev.culvert.policy;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.TextStyle;
import java.time.zone.ZoneOffsetTransition;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Hours of some days, by the clock on the wall of a zone. When it runs over midnight it belongs to the day on which it
 * begins.
 *
 * @param days on which it begins; never empty
 * @param from first minute of the day, 0 to 1439
 * @param to minute of the day at which it is over, 1 to 1440; less than {@code from} when it runs over midnight
 */
public record TimeWindow(Set<DayOfWeek> days, int from, int to, ZoneId zone) {
    static final int DAY = 24 * 60;

    /** Freezes the days. */
    public TimeWindow {
        days = Collections.unmodifiableSet(EnumSet.copyOf(days));
        if (from < 0 || from >= DAY || to < 1 || to > DAY || from == to) {
            throw new IllegalArgumentException("a window from minute " + from + " to " + to + " is none");
        }
    }

    /** Whether the window is open at this moment. */
    public boolean contains(Instant instant) {
        ZonedDateTime t = instant.atZone(zone);
        int minute = t.getHour() * 60 + t.getMinute();
        DayOfWeek day = t.getDayOfWeek();
        return from < to
                ? days.contains(day) && minute >= from && minute < to
                : days.contains(day) && minute >= from || days.contains(day.minus(1)) && minute < to;
    }

    /**
     * The first moment after this one at which it may open or close; null if it never does. A moment at which the zone
     * changes its clock is one, for then any wall clock rule may change.
     */
    public @Nullable Instant nextChange(Instant now) {
        Instant next = null;
        LocalDate today = now.atZone(zone).toLocalDate();
        for (int day = -1; day <= 8; day++) {
            next = earliest(next, now, today.plusDays(day), from);
            next = earliest(next, now, to == DAY ? today.plusDays(day + 1L) : today.plusDays(day), to % DAY);
        }
        ZoneOffsetTransition transition = zone.getRules().nextTransition(now);
        return transition != null && (next == null || transition.getInstant().isBefore(next))
                ? transition.getInstant()
                : next;
    }

    private @Nullable Instant earliest(@Nullable Instant best, Instant now, LocalDate date, int minute) {
        Instant next = best;
        // None while the clock skips this minute: then the transition itself is the moment. Two when it comes twice.
        for (ZoneOffset offset : zone.getRules().getValidOffsets(date.atTime(minute / 60, minute % 60))) {
            Instant at = date.atTime(minute / 60, minute % 60).toInstant(offset);
            if (at.isAfter(now) && (next == null || at.isBefore(next))) {
                next = at;
            }
        }
        return next;
    }

    private static String time(int minute) {
        return minute == DAY ? "24:00" : LocalTime.ofSecondOfDay(minute * 60L).toString();
    }

    /** Such as {@code mon,tue 08:00-18:00 Europe/Zurich}. */
    @Override
    public String toString() {
        String on = days.size() == 7
                ? "daily"
                : days.stream()
                        .map(d -> d.getDisplayName(TextStyle.SHORT, Locale.ENGLISH)
                                .toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(","));
        return on + " " + time(from) + "-" + time(to) + " " + zone;
    }
}
