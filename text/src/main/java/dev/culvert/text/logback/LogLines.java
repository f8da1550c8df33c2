package dev.culvert.text.logback;

import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.EncoderBase;
import dev.culvert.text.LogFormat;
import dev.culvert.text.LogLine;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import org.slf4j.event.KeyValuePair;

/** Lines of the log, by logback's pattern or as JSON, whichever {@link LogFormat} says when they are written. */
public final class LogLines extends EncoderBase<ILoggingEvent> {
    private final PatternLayout text = new PatternLayout();
    private final PrintableThrowable thrown = new PrintableThrowable();

    /** Of the lines for people; called by logback. */
    public void setPattern(String pattern) {
        text.setPattern(pattern);
    }

    @Override
    public void start() {
        text.setContext(getContext());
        text.start();
        thrown.setContext(getContext());
        thrown.start();
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
        String line = LogFormat.current() == LogFormat.TEXT ? text.doLayout(event) : json(event) + "\n";
        return line.getBytes(StandardCharsets.UTF_8);
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
