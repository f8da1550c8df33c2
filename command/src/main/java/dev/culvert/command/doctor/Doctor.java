package dev.culvert.command.doctor;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import java.nio.charset.UnsupportedCharsetException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Goes through checks and tells what they found. */
public final class Doctor {
    /** Exit code when something needs a cure. */
    public static final int ILL = 1;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private final List<Check> checks;

    /** @param checks in the order in which they are looked at: what others need comes first */
    public Doctor(List<Check> checks) {
        this.checks = List.copyOf(checks);
    }

    /**
     * The answer to {@code doctor --json}. Members may be added.
     *
     * @param well whether nothing needs a cure
     */
    public record Report(String program, String version, boolean well, List<Finding> findings) {}

    /**
     * Looks at all. Blocks.
     *
     * @param found told of each finding as soon as it is there
     */
    public List<Finding> look(Consumer<Finding> found) {
        List<Finding> all = new ArrayList<>();
        for (Check check : checks) {
            for (Finding finding : look(check)) {
                all.add(finding);
                found.accept(finding);
            }
        }
        return all;
    }

    private static List<Finding> look(Check check) {
        try {
            return check.look();
        } catch (IOException | RuntimeException e) { // one that cannot look is no reason not to go on
            String why = e.getMessage() == null ? e.toString() : e.getMessage();
            return List.of(Finding.open(check.name(), "it could not be looked at: " + why));
        }
    }

    /**
     * Looks at all, and tells it.
     *
     * @param json as a {@link Report}; else a line each
     * @return the exit code: 0 when nothing needs a cure, else {@link #ILL}
     */
    public int tell(String program, String version, boolean json, PrintWriter out) {
        Lines lines = Lines.forTerminal();
        List<Finding> all = look(
                json
                        ? finding -> {}
                        : finding -> {
                            out.println(lines.of(finding));
                            out.flush();
                        });
        boolean well = isWell(all);
        if (json) {
            JSON.writeValueAsString(new Report(program, version, well, all))
                    .lines()
                    .forEach(line -> out.println(Printable.escape(line)));
            out.flush();
        }
        return well ? 0 : ILL;
    }

    /** Whether nothing needs a cure. */
    public static boolean isWell(List<Finding> findings) {
        return findings.stream().noneMatch(finding -> finding.state() == Finding.State.BAD);
    }

    /**
     * How findings are written.
     *
     * @param good the mark of what is good
     */
    public record Lines(String good, String bad, String open) {
        private static final Lines SIGNS = new Lines("✓", "✗", "–");

        /** Where the terminal has no signs. */
        private static final Lines LETTERS = new Lines("ok", "NO", "--");

        private static final int NAME_WIDTH = 12;

        /** With signs, for a file in UTF-8. */
        public static Lines signs() {
            return SIGNS;
        }

        static Lines forTerminal() {
            // Java 17 says it of the system, 19 of standard output.
            return of(System.getProperty("stdout.encoding", System.getProperty("native.encoding", "")));
        }

        static Lines of(String encoding) {
            try {
                return Charset.forName(encoding).newEncoder().canEncode(SIGNS.good + SIGNS.bad + SIGNS.open)
                        ? SIGNS
                        : LETTERS;
            } catch (IllegalCharsetNameException | UnsupportedCharsetException | UnsupportedOperationException e) {
                return LETTERS;
            }
        }

        /** One line; safe to print. */
        public String of(Finding finding) {
            String mark = switch (finding.state()) {
                case GOOD -> good;
                case BAD -> bad;
                case OPEN -> open;
            };
            return Printable.line(mark + " " + String.format(Locale.ROOT, "%-" + NAME_WIDTH + "s", finding.check())
                    + " " + finding.what() + (finding.cure().isEmpty() ? "" : "; " + finding.cure()));
        }
    }
}
