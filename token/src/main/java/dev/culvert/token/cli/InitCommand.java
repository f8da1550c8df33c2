package dev.culvert.token.cli;

import dev.culvert.token.StateDirectory;
import java.io.PrintWriter;
import java.net.URI;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code token init}: makes or completes the state directory. */
@Command(
        name = "init",
        description = {
            "Makes the signing key and the certificate authority, where they do not exist yet.",
            "What exists is kept, so it is safe to run again."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
final class InitCommand implements Callable<Integer> {
    @ParentCommand
    @Nullable
    TokenCommand parent;

    @Spec
    @Nullable
    CommandSpec spec;

    @Mixin
    StateOption state = new StateOption();

    @Option(
            names = "--gateway",
            paramLabel = "URL",
            description = "Public URL of the gateway, like wss://vpn.example:443; remembered for new tokens.")
    @Nullable
    URI gateway;

    @Override
    public Integer call() throws Exception {
        TokenCommand root = Objects.requireNonNull(parent, "picocli sets the parent");
        CommandSpec own = Objects.requireNonNull(spec, "picocli sets the spec");
        PrintWriter out = own.commandLine().getOut();
        StateDirectory directory = StateDirectory.openOrCreate(state.path(), root.clock);
        if (gateway != null) {
            try {
                directory.setGatewayUrl(gateway);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(own.commandLine(), e.getMessage(), e);
            }
        }
        MintOptions.warn(own, directory);
        URI url = directory.gatewayUrl();
        out.println("state      " + directory.path());
        out.println("key        " + directory.signer().keyId());
        out.println("authority  " + directory.caPin());
        out.println("gateway    "
                + (url == null ? "not set: run token init --gateway wss://host:port before making tokens" : url));
        out.flush();
        return 0;
    }
}
