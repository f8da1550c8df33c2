package dev.culvert.command.control;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** What commands have in common that ask the running program, as a picocli {@link Mixin}. */
public final class AskOptions {
    /** Exit code when the program is not running, as that of services' {@code status} is (LSB). */
    public static final int NOT_RUNNING = 3;

    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    @Option(names = "--json", description = "Answer in JSON.")
    boolean json;

    @Option(
            names = "--control-socket",
            paramLabel = "FILE",
            description = "Socket on which the running program answers, when it was given that option too.")
    @Nullable
    Path socket;

    private Elsewhere elsewhere = () -> {};

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    /** How an answer is told to people. */
    @FunctionalInterface
    public interface Text {
        /** @return lines; they are escaped where they are printed */
        List<String> of(JsonNode answer);
    }

    /** Looks for a program that does not answer where it was looked for. */
    @FunctionalInterface
    public interface Elsewhere {
        /** @throws IOException when it runs, with one line for people that says how it can be asked */
        void look() throws IOException;
    }

    /** Looks before it is said that the program is not running, unless an option says where its socket is. */
    public void ifNotThere(Elsewhere look) {
        elsewhere = look;
    }

    /** The option {@code --watch} of commands that may ask again and again, as a picocli {@link Mixin}. */
    public static final class Watch {
        private static final long SECONDS = 1;

        /** ECMA-48: the cursor goes home, and all behind it is erased. */
        private static final String CLEAR = "\033[H\033[J";

        @Option(names = "--watch", description = "Ask each second, until Ctrl-C.")
        boolean watch;

        /** Used by picocli. */
        public Watch() {}

        /**
         * As {@link AskOptions#ask}, and again each second if that is wanted, for as long as the program runs.
         *
         * @throws IOException with one line for people
         */
        public int ask(AskOptions options, List<Path> places, String question, Text text) throws IOException {
            if (!watch) {
                return options.ask(places, question, Map.of(), text);
            }
            PrintWriter out = options.spec.commandLine().getOut();
            boolean terminal = Boolean.getBoolean("culvert.terminal");
            try {
                while (true) {
                    int code = options.ask(places, question, Map.of(), answer -> {
                        List<String> lines = text.of(answer);
                        out.print(terminal ? CLEAR : "");
                        return lines;
                    });
                    if (code != 0 || out.checkError()) {
                        return code;
                    }
                    TimeUnit.SECONDS.sleep(SECONDS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return 0;
            }
        }
    }

    /**
     * Asks, and prints what is answered.
     *
     * @param places where the socket may be, when no option says it
     * @return the exit code
     * @throws IOException with one line for people
     */
    public int ask(List<Path> places, String question, Map<String, ?> with, Text text) throws IOException {
        String program = spec.root().name();
        try {
            JsonNode answer = new ControlClient(program, socket == null ? places : List.of(socket)).ask(question, with);
            print(json ? JSON.writeValueAsString(answer).lines().toList() : text.of(answer));
            return 0;
        } catch (ControlClient.NotRunningException e) {
            if (socket == null) {
                elsewhere.look();
            }
            PrintWriter err = spec.commandLine().getErr();
            err.println(program + ": " + Printable.line(String.valueOf(e.getMessage())));
            err.flush();
            return NOT_RUNNING;
        }
    }

    private void print(List<String> lines) {
        PrintWriter out = spec.commandLine().getOut();
        lines.forEach(line -> out.println(Printable.escape(line)));
        out.flush();
    }
}
