package dev.culvert.gateway.command;

import dev.culvert.gateway.access.SharedPolicy;
import dev.culvert.store.StateFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code gateway policy pull}. */
@Command(
        name = "pull",
        description = {
            "Prints the policy that several gateways share on their store, to be changed and pushed again. Its first line, a",
            "comment, says which version it is: push sees by it whether another has been pushed meanwhile."
        },
        mixinStandardHelpOptions = true)
final class PolicyPullCommand extends OnStore {
    @Option(names = "--out", paramLabel = "FILE", description = "Write it there, replacing what is there.")
    @Nullable
    Path out;

    @Override
    public Integer call() throws IOException {
        SharedPolicy policy = new SharedPolicy(open().shared());
        SharedPolicy.Pushed there = require(policy);
        if (out != null) {
            Path absolute = out.toAbsolutePath();
            Path directory = absolute.getParent();
            Path name = absolute.getFileName();
            if (directory == null || name == null) {
                throw new IOException(out + " is not a file that can be written: give the path of a file");
            }
            new StateFiles(directory, false).write(name.toString(), there.text(), false, true);
        }
        if (invocation.json) {
            invocation.json(fields(policy, there));
        } else if (out == null) {
            PrintWriter stdout = invocation.spec.commandLine().getOut();
            stdout.print(there.text());
            stdout.flush();
        } else {
            invocation.print(out + " is version " + there.version() + " of " + policy.where());
        }
        return 0;
    }
}
