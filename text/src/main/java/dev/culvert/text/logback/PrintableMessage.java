package dev.culvert.text.logback;

import ch.qos.logback.classic.pattern.ClassicConverter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import dev.culvert.text.Printable;
import java.util.Objects;

/** The message of a log line, for logback's pattern: the last place where text of a peer could come out as it is. */
public final class PrintableMessage extends ClassicConverter {
    @Override
    public String convert(ILoggingEvent event) {
        return Printable.line(Objects.toString(event.getFormattedMessage(), ""));
    }
}
