package dev.culvert.token.issue;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.store.StoreOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jose4j.json.JsonUtil;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What the subcommands of {@code token} have in common: the state directory, and where output goes. */
abstract class Subcommand implements Callable<Integer> {
    /** The line at the foot of a subcommand's help. */
    static final String EXIT_CODES = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 7 the store is away.";

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    StateOption state = new StateOption();

    @Mixin
    StoreOptions store = new StoreOptions();

    final TokenCommand root() {
        return (TokenCommand) spec.root().userObject();
    }

    final PrintWriter out() {
        return spec.commandLine().getOut();
    }

    /** A line on standard output. */
    final void print(String line) {
        out().println(Printable.escape(line));
        out().flush();
    }

    /** A line on standard error. */
    final void say(String line) {
        spec.commandLine().getErr().println(Printable.line(line));
        spec.commandLine().getErr().flush();
    }

    /** What is thrown when a value that an option gave is wrong. */
    final ParameterException wrongUsage(IllegalArgumentException e) {
        return new ParameterException(spec.commandLine(), Objects.requireNonNullElse(e.getMessage(), e.toString()), e);
    }

    /** The state directory, which must exist. */
    final StateDirectory open() throws IOException {
        StateDirectory directory =
                StateDirectory.open(state.path(), root().clock, store.choice(state.path(), root().env, false));
        warn(directory);
        return directory;
    }

    /** Leaves a line in the audit log; what was done stays done without one. */
    final void audit(StateDirectory directory, String event, Map<String, ?> fields) {
        try {
            directory.audit(event, fields);
        } catch (StateException e) {
            say("warning: not in the audit log: " + e.getMessage());
        }
    }

    final void warn(StateDirectory directory) {
        directory.warnings().forEach(line -> say("warning: " + line));
    }

    final void print(Map<String, ?> json) {
        print(JsonUtil.toJson(json));
    }

    /** Prints rows below headings, each column as wide as its widest cell. */
    final <T> void table(List<String> headings, List<T> rows, Function<T, List<String>> cells) {
        List<List<String>> lines = new java.util.ArrayList<>(List.of(headings));
        rows.forEach(row -> lines.add(cells.apply(row)));
        int[] widths = new int[headings.size()];
        for (List<String> line : lines) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], line.get(i).length());
            }
        }
        for (List<String> line : lines) {
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                text.append(line.get(i))
                        .append(" ".repeat(widths[i] - line.get(i).length() + 2));
            }
            print(text.toString().stripTrailing());
        }
    }
}
