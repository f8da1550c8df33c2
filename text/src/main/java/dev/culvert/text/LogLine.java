package dev.culvert.text;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One line of a log as a JSON object: {@code time} (RFC 3339, UTC, milliseconds), {@code level}, {@code name} (of the program's part that
 * says it), {@code message}, and what else there is. Texts are escaped as on a terminal, whoever chose them ({@link Printable}), so
 * that they may be shown on one when they are read again.
 */
public final class LogLine {
    private final StringBuilder out = new StringBuilder(128);

    /** @param level DEBUG, INFO, WARN, ERROR */
    public LogLine(Instant time, String level, String name, String message) {
        // Instant's own text leaves out milliseconds that are 0.
        String seconds = time.truncatedTo(ChronoUnit.SECONDS).toString();
        long millis = time.toEpochMilli() - time.getEpochSecond() * 1_000;
        out.append("{\"time\":\"").append(seconds, 0, seconds.length() - 1);
        out.append(String.format(Locale.ROOT, ".%03dZ\"", millis));
        with("level", level);
        with("name", name);
        with("message", message);
    }

    /** Adds a member; none when there is no value. Numbers and truth values are those of JSON, all else is text. */
    public LogLine with(String member, @Nullable Object value) {
        if (value == null) {
            return this;
        }
        out.append(',');
        text(member);
        out.append(':');
        if (value instanceof Long || value instanceof Integer || value instanceof Boolean) {
            out.append(value);
        } else {
            text(Printable.line(String.valueOf(value)));
        }
        return this;
    }

    /** Adds text of several lines, escaped already, as a stack trace is. */
    public LogLine withLines(String member, String lines) {
        if (!lines.isBlank()) {
            out.append(',');
            text(member);
            out.append(':');
            text(lines.strip());
        }
        return this;
    }

    private void text(String s) {
        out.append('"');
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            switch (c) {
                case '"', '\\' -> out.append('\\').append(c);
                case '\n' -> out.append("\\n");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < ' ') {
                        out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }

    /** The line, without its end. */
    @Override
    public String toString() {
        return out + "}";
    }
}
