package dev.culvert.command;

import dev.culvert.address.IpLiteral;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** What is said of a wrong command line: in words of who typed it, not of picocli's and Java's. */
final class WrongUsage {
    /** What picocli puts before the words of a converter. */
    private static final Pattern INVALID = Pattern.compile(
            "^Invalid value for (?:option|positional parameter)(?: at index \\S+)? '?([^':]+?)'?(?: \\(.*?\\))?: ");

    private static final Pattern ERROR = Pattern.compile("^Error: ");

    private WrongUsage() {}

    /** Has a command and all below it read values in words of ours when they are wrong. No address is looked up as a name. */
    static void convert(CommandLine line) {
        line.registerConverter(InetAddress.class, text -> {
            InetAddress address = IpLiteral.parse(text);
            if (address == null) {
                throw new TypeConversionException("'" + text + "' is not an IP address");
            }
            return address;
        });
        line.registerConverter(int.class, WrongUsage::number);
        line.registerConverter(Integer.class, WrongUsage::number);
    }

    private static Integer number(String text) {
        try {
            return Integer.valueOf(text);
        } catch (NumberFormatException e) {
            throw new TypeConversionException("'" + text + "' is not a whole number");
        }
    }

    /**
     * What is wrong, and what was meant.
     *
     * @param args the whole command line
     */
    static String words(ParameterException e, String[] args) {
        UnmatchedArgumentException unknown = unknown(e, args);
        if (unknown == null) {
            return ERROR.matcher(INVALID.matcher(String.valueOf(e.getMessage())).replaceFirst("$1: "))
                    .replaceFirst("");
        }
        List<String> meant = unknown.getSuggestions();
        return (unknown.isUnknownOption() ? "unknown option '" : "unexpected argument '")
                + unknown.getUnmatched().get(0) + "'"
                + (meant.isEmpty() ? "" : "; did you mean " + meant.get(0) + "?");
    }

    /** A misspelt option is what is wrong, not the required one that it leaves out. */
    private static @Nullable UnmatchedArgumentException unknown(ParameterException e, String[] args) {
        if (e instanceof UnmatchedArgumentException unmatched) {
            return unmatched.getUnmatched().isEmpty() ? null : unmatched;
        }
        CommandLine where = e.getCommandLine();
        List<String> options = e instanceof MissingParameterException
                ? Arrays.stream(args)
                        .takeWhile(a -> !a.equals("--"))
                        .filter(a -> a.startsWith("--"))
                        .map(a -> a.replaceFirst("=.*", ""))
                        .filter(a -> !where.getCommandSpec().optionsMap().containsKey(a))
                        .limit(1)
                        .toList()
                : List.of();
        return options.isEmpty() ? null : new UnmatchedArgumentException(where, options);
    }
}
