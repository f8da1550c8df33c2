package dev.culvert.command.control;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where a program that runs answers questions, and whom; as a picocli {@link Mixin}. */
public final class ControlOptions {
    private static final String NONE = "none";

    @Option(
            names = "--control-socket",
            paramLabel = "FILE",
            description = {
                "Unix socket on which it tells its status, 'none' for none.",
                "Default: in the state directory, named like the program."
            })
    @Nullable
    String socket;

    @Option(
            names = "--control-group",
            paramLabel = "GROUP",
            description = "Group whose members may ask there, beside root and whom the program runs as.")
    @Nullable
    String group;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    /** Listens at a place. */
    @FunctionalInterface
    public interface Opening {
        /**
         * Blocks.
         *
         * @param group whose members may come beside root and whom this runs as; null for none
         * @throws IOException with one line for people
         */
        Closeable open(Path path, @Nullable String group) throws IOException;
    }

    /**
     * Answers from now on, until it is closed.
     *
     * @param place where, when no option says it: if that cannot be, it is told and the program goes on without
     * @param log is told in one line what goes wrong
     * @throws IOException when the place that was asked for cannot be, with one line for people
     */
    public Closeable open(Path place, Questions questions, Consumer<String> log) throws IOException {
        return open(place, log, (path, members) -> ControlSocket.open(path, members, questions, log));
    }

    /** As {@link #open(Path, Questions, Consumer)}, for whatever else is there, or beside it. */
    public Closeable open(Path place, Consumer<String> log, Opening opening) throws IOException {
        if (NONE.equals(socket)) {
            if (group != null) {
                throw new ParameterException(
                        spec.commandLine(), "--control-group has no sense with --control-socket none");
            }
            return () -> {};
        }
        try {
            return opening.open(socket == null ? place : Path.of(socket), group);
        } catch (IOException e) {
            if (socket != null || group != null) {
                throw e;
            }
            log.accept(e.getMessage() + "; it goes on without");
            return () -> {};
        }
    }
}
