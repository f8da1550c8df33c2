package dev.culvert.policy;

import dev.culvert.policy.YamlNode.Scalar;
import dev.culvert.policy.YamlNode.Sequence;
import dev.culvert.text.Printable;
import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads {@code when}, {@code until} and {@code at}. */
final class TimeParser {
    private static final List<String> KEYS = List.of("days", "from", "to", "zone");
    private static final List<String> DAYS = List.of("mon", "tue", "wed", "thu", "fri", "sat", "sun");

    private final Problems problems;

    TimeParser(Problems problems) {
        this.problems = problems;
    }

    /** One window or a list of them. */
    List<TimeWindow> windows(@Nullable YamlNode node) {
        List<TimeWindow> out = new ArrayList<>();
        if (node != null) {
            for (YamlNode item : node instanceof Sequence list ? list.items() : List.of(node)) {
                TimeWindow window = window(item);
                if (window != null) {
                    out.add(window);
                }
            }
        }
        return out;
    }

    private @Nullable TimeWindow window(YamlNode node) {
        Fields fields = new Fields(problems, node, "a time window", KEYS);
        Set<DayOfWeek> days = days(fields.texts("days"));
        int from = minute(fields.text("from"), 0);
        int to = minute(fields.text("to"), TimeWindow.DAY);
        Scalar zoneText = fields.text("zone");
        if (!(node instanceof YamlNode.Mapping)) {
            return null;
        }
        if (zoneText == null) {
            if (fields.get("zone") == null) {
                problems.add(node, "a time window lacks 'zone'; write like Europe/Zurich or UTC");
            }
            return null;
        }
        ZoneId zone;
        try {
            zone = ZoneId.of(zoneText.text());
        } catch (DateTimeException e) {
            problems.add(
                    zoneText,
                    "zone '" + Printable.shorten(zoneText.text()) + "' is not known; "
                            + Problems.meant(zoneText.text(), ZoneId.getAvailableZoneIds()));
            return null;
        }
        if (days == null || from < 0 || to < 0) {
            return null;
        }
        if (from == to || from == TimeWindow.DAY || to == 0) {
            problems.add(node, "a time window is empty: 'from' and 'to' must differ; all day is 00:00 to 24:00");
            return null;
        }
        return new TimeWindow(days, from, to, zone);
    }

    /** Null when some of it is wrong; every day when there is none. */
    private @Nullable Set<DayOfWeek> days(List<Scalar> texts) {
        Set<DayOfWeek> out = EnumSet.noneOf(DayOfWeek.class);
        boolean right = true;
        for (Scalar text : texts) {
            for (String part : text.text().toLowerCase(Locale.ROOT).split(",", -1)) {
                int dash = part.indexOf('-');
                int first = DAYS.indexOf((dash < 0 ? part : part.substring(0, dash)).strip());
                int last =
                        dash < 0 ? first : DAYS.indexOf(part.substring(dash + 1).strip());
                if (first < 0 || last < 0) {
                    problems.add(
                            text,
                            "day '" + Printable.shorten(part.strip()) + "' is not known; write mon, tue, wed, thu, fri,"
                                    + " sat, sun or ranges like mon-fri");
                    right = false;
                    continue;
                }
                for (int day = first; ; day = (day + 1) % DAYS.size()) {
                    out.add(DayOfWeek.of(day + 1));
                    if (day == last) {
                        break;
                    }
                }
            }
        }
        return !right ? null : out.isEmpty() ? EnumSet.allOf(DayOfWeek.class) : out;
    }

    private int minute(@Nullable Scalar text, int otherwise) {
        if (text == null) {
            return otherwise;
        }
        String t = text.text();
        if (t.length() == 5
                && t.charAt(2) == ':'
                && t.chars().filter(Character::isDigit).count() == 4) {
            int hour = Integer.parseInt(t.substring(0, 2));
            int minute = Integer.parseInt(t.substring(3));
            if (hour < 24 && minute < 60 || hour == 24 && minute == 0) {
                return hour * 60 + minute;
            }
        }
        problems.add(text, "time '" + Printable.shorten(t) + "' is none; write hours and minutes like 08:00 or 24:00");
        return -1;
    }

    /** A moment with its offset from UTC, or null. */
    @Nullable
    Instant instant(@Nullable Scalar text) {
        if (text == null) {
            return null;
        }
        try {
            return OffsetDateTime.parse(text.text()).toInstant();
        } catch (DateTimeException e) {
            problems.add(
                    text,
                    "moment '" + Printable.shorten(text.text())
                            + "' is none; write date, time and offset like 2027-01-31T18:00:00Z or 2027-01-31T18:00:00+01:00");
            return null;
        }
    }
}
