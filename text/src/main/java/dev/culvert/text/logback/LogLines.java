package dev.culvert.text.logback;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.EncoderBase;
import dev.culvert.text.LogFormat;
import dev.culvert.text.LogLine;
import dev.culvert.text.Printable;
import java.nio.charset.StandardCharsets;
import java.time.LocalTime;
import java.time.ZoneId;
import java.util.List;
import java.util.Objects;
import org.slf4j.event.KeyValuePair;

/**
 * Lines of the log, for people or as JSON, whichever {@link LogFormat} says when they are written. Whatever a peer says ends here:
 * nothing in a message may move a cursor or begin a line of its own.
 */
public final class LogLines extends EncoderBase<ILoggingEvent> {
    private static final int LEVEL_WIDTH = 5;

    private final ZoneId zone = ZoneId.systemDefault();
    private final PrintableThrowable thrown = new PrintableThrowable();

    /** For people: where it came from, of each that caused another. */
    private final PrintableThrowable shortly = new PrintableThrowable();

    @Override
    public void start() {
        shortly.setOptionList(List.of("short"));
        for (PrintableThrowable one : List.of(thrown, shortly)) {
            one.setContext(getContext());
            one.start();
        }
        super.start();
    }

    @Override
    public byte[] headerBytes() {
        return new byte[0];
    }

    @Override
    public byte[] footerBytes() {
        return new byte[0];
    }

    @Override
    public byte[] encode(ILoggingEvent event) {
        String line = LogFormat.current() == LogFormat.TEXT ? text(event) : json(event) + "\n";
        return line.getBytes(StandardCharsets.UTF_8);
    }

    private String text(ILoggingEvent event) {
        StringBuilder line = new StringBuilder(128);
        LocalTime time = event.getInstant().atZone(zone).toLocalTime();
        two(line, time.getHour()).append(':');
        two(line, time.getMinute()).append(':');
        two(line, time.getSecond()).append('.');
        int millis = time.getNano() / 1_000_000;
        two(line, millis / 10).append((char) ('0' + millis % 10)).append(' ');
        String level = event.getLevel().toString();
        line.append(level).append(" ".repeat(Math.max(0, LEVEL_WIDTH - level.length()) + 1));
        return line.append(Printable.line(Objects.toString(event.getFormattedMessage(), "")))
                .append('\n')
                .append(shortly.convert(event))
                .toString();
    }

    private static StringBuilder two(StringBuilder line, int number) {
        return line.append((char) ('0' + number / 10)).append((char) ('0' + number % 10));
    }

    private String json(ILoggingEvent event) {
        String logger = event.getLoggerName();
        LogLine line = new LogLine(
                event.getInstant(),
                event.getLevel().toString(),
                logger.substring(logger.lastIndexOf('.') + 1),
                Objects.toString(event.getFormattedMessage(), ""));
        line.with("thread", event.getThreadName());
        List<KeyValuePair> fields = event.getKeyValuePairs();
        if (fields != null) {
            fields.forEach(field -> line.with(field.key, field.value));
        }
        return line.withLines("error", thrown.convert(event)).toString();
    }
}
