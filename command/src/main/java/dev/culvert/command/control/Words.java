package dev.culvert.command.control;

import dev.culvert.text.Printable;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/** Answers in the words of people: amounts, spans of time, tables. */
public final class Words {
    private static final List<String> UNITS = List.of("kB", "MB", "GB", "TB", "PB", "EB");

    private static final long HOURS_IN_DAY = 24;

    private static final long MINUTES_IN_HOUR = 60;

    private static final long SECONDS_IN_MINUTE = 60;

    private Words() {}

    /** {@code 999 B}, {@code 1.5 kB}, {@code 23 MB}. */
    public static String bytes(long n) {
        if (n < 1_000) {
            return n + " B";
        }
        double value = n;
        int unit = -1;
        while (value >= 999.5) {
            value /= 1_000;
            unit++;
        }
        return String.format(Locale.ROOT, value < 9.95 ? "%.1f %s" : "%.0f %s", value, UNITS.get(unit));
    }

    /** From one moment to another in its two largest units: {@code 3 d 4 h}, {@code 12 s}; {@code 0 s} when it is none. */
    public static String span(Instant from, Instant to) {
        Duration d = Duration.between(from, to);
        long seconds = Math.max(0, d.toSeconds());
        long minutes = seconds / SECONDS_IN_MINUTE;
        long hours = minutes / MINUTES_IN_HOUR;
        long days = hours / HOURS_IN_DAY;
        if (days > 0) {
            return two(days, "d", hours % HOURS_IN_DAY, "h");
        }
        if (hours > 0) {
            return two(hours, "h", minutes % MINUTES_IN_HOUR, "min");
        }
        return minutes > 0 ? two(minutes, "min", seconds % SECONDS_IN_MINUTE, "s") : seconds + " s";
    }

    private static String two(long large, String largeUnit, long small, String smallUnit) {
        return large + " " + largeUnit + (small == 0 ? "" : " " + small + " " + smallUnit);
    }

    /** A moment that an answer holds. */
    public static Instant time(JsonNode node, Instant otherwise) {
        try {
            return node.isString() ? Instant.parse(node.stringValue()) : otherwise;
        } catch (DateTimeParseException e) {
            return otherwise;
        }
    }

    /** Columns as wide as what is in them, which is shortened and escaped. */
    public static List<String> table(List<String> head, List<List<String>> rows) {
        List<List<String>> all = new ArrayList<>();
        all.add(head);
        rows.forEach(row -> all.add(row.stream().map(Printable::shorten).toList()));
        int[] widths = IntStream.range(0, head.size())
                .map(i ->
                        all.stream().mapToInt(row -> row.get(i).length()).max().orElse(0))
                .toArray();
        return all.stream()
                .map(row -> {
                    StringBuilder line = new StringBuilder();
                    for (int i = 0; i < row.size(); i++) {
                        line.append(row.get(i))
                                .append(" ".repeat(widths[i] - row.get(i).length() + 2));
                    }
                    return line.toString().stripTrailing();
                })
                .toList();
    }
}
