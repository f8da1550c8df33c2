package dev.culvert.token.holder;

import dev.culvert.store.StateException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
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
    CommandSpec spec = CommandSpec.create();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public HolderKeyCommand() {}

    @Override
    public Integer call() throws StateException {
        spec.commandLine()
                .getOut()
                .println(HolderKey.make(state.path(spec.root().name())).thumbprint());
        spec.commandLine().getOut().flush();
        return 0;
    }
}
