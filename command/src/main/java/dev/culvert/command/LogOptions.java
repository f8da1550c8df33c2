package dev.culvert.command;

import dev.culvert.text.LogFormat;
import dev.culvert.text.Printable;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a program that runs says what happens; as a picocli {@link Mixin}. */
public final class LogOptions {
    /** Used by picocli. */
    public LogOptions() {}

    @Option(
            names = "--log-format",
            paramLabel = "FORMAT",
            converter = Format.class,
            defaultValue = "${env:CULVERT_LOG_FORMAT:-text}",
            description =
                    "text, or json: all that is said is a JSON object a line. Default: $$CULVERT_LOG_FORMAT, else text.")
    void format(LogFormat format) {
        LogFormat.use(format);
    }

    /** How people write it. */
    static final class Format implements CommandLine.ITypeConverter<LogFormat> {
        /** Used by picocli. */
        Format() {}

        @Override
        public LogFormat convert(String text) {
            return switch (text.strip().toLowerCase(Locale.ROOT)) {
                case "", "text" -> LogFormat.TEXT;
                case "json" -> LogFormat.JSON;
                default ->
                    throw new CommandLine.TypeConversionException(
                            "'" + Printable.shorten(text) + "' is neither text nor json");
            };
        }
    }
}
