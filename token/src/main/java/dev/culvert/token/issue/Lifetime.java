package dev.culvert.token.issue;

import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads how long a token lives: a number and s, m, h, d or w. */
final class Lifetime implements ITypeConverter<Duration> {
    /** The certificate authority lives about as long; nothing signed should outlive what it is pinned to. */
    static final Duration MAX = Duration.ofDays(3650);

    private static final Pattern FORM = Pattern.compile("([0-9]{1,9})([smhdw])");

    @Override
    public Duration convert(String text) {
        Matcher matcher = FORM.matcher(text);
        if (matcher.matches()) {
            long count = Long.parseLong(matcher.group(1));
            Duration life = switch (matcher.group(2).charAt(0)) {
                case 's' -> Duration.ofSeconds(count);
                case 'm' -> Duration.ofMinutes(count);
                case 'h' -> Duration.ofHours(count);
                case 'd' -> Duration.ofDays(count);
                default -> Duration.ofDays(7 * count);
            };
            if (!life.isZero() && life.compareTo(MAX) <= 0) {
                return life;
            }
        }
        throw new TypeConversionException(
                "'" + text + "' is not a lifetime: write it like 30m, 12h or 90d, at most " + MAX.toDays() + "d");
    }
}
