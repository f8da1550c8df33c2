package dev.culvert.token.cli;

import dev.culvert.token.HolderDirectory;
import dev.culvert.token.HolderKey;
import dev.culvert.token.StateException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code client key} and {@code agent key}: a key pair for a token that will be bound to it. */
@Command(
        name = "key",
        description = {
            "Makes a key pair for this machine and prints its thumbprint.",
            "A token made with --key THUMBPRINT is of no use on any other machine."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public final class HolderKeyCommand implements Callable<Integer> {
    @Spec
    @Nullable
    CommandSpec spec;

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "Directory for the key. Default: where this program keeps its state.")
    @Nullable
    Path state;

    /** Used by picocli. */
    public HolderKeyCommand() {}

    @Override
    public Integer call() throws StateException {
        CommandSpec own = Objects.requireNonNull(spec, "picocli sets the spec");
        Path directory = state != null ? state : HolderDirectory.of(own.root().name(), System.getenv());
        own.commandLine().getOut().println(HolderKey.make(directory).thumbprint());
        own.commandLine().getOut().flush();
        return 0;
    }
}
