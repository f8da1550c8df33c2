package dev.culvert.token.issue;

import dev.culvert.store.cluster.ClusterKey;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code token cluster-key}: makes the secret of a new cluster. */
@Command(
        name = "cluster-key",
        description = {
            "Makes the secret that the gateways of a cluster have, and the store between them has not.",
            "Each gateway, and each machine that makes tokens, needs a copy, which only its owner may read."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
final class ClusterKeyCommand implements java.util.concurrent.Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description = "Where to put it. Default: cluster.key in the default state directory.")
    @Nullable
    Path file;

    @Override
    public Integer call() throws Exception {
        Path at = file == null ? new StateOption().path().resolve(ClusterKey.FILE) : file;
        ClusterKey.create(at);
        spec.commandLine().getErr().println("cluster key written to " + at + "; copy it to each gateway, mode 600");
        spec.commandLine().getErr().flush();
        return 0;
    }
}
