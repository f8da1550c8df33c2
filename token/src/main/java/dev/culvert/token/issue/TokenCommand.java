package dev.culvert.token.issue;

import dev.culvert.command.Program;
import dev.culvert.command.Subcommands;
import dev.culvert.token.holder.Prompt;
import dev.culvert.token.store.StoreOptions;
import java.io.InputStream;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IExitCodeExceptionMapper;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code token} command. Holds what its subcommands share: the clock, the environment, standard input, the terminal. */
@Command(
        name = "token",
        description =
                "Makes the keys of a Culvert network, and makes, shows, renews and revokes tokens for its agents and clients.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 7 the store is away.%n",
        footer = {
            "",
            "First steps:",
            "  token init --gateway wss://vpn.example:443",
            "  token agent --name office --routes 192.168.77.0/24 --out office.token",
            "  token client --name laptop --allow office:192.168.77.0/24 --out laptop.token"
        })
public final class TokenCommand implements Runnable, IExitCodeExceptionMapper, Subcommands {
    final InputStream stdin;
    final Map<String, String> env;
    final Clock clock;
    final @Nullable Prompt prompt;

    @Spec
    CommandSpec spec = CommandSpec.create();

    public TokenCommand(InputStream stdin, Map<String, String> env, Clock clock, @Nullable Prompt prompt) {
        this.stdin = stdin;
        this.env = env;
        this.clock = clock;
        this.prompt = prompt;
    }

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new TokenCommand(System.in, System.getenv(), Clock.systemUTC(), Prompt.terminal()), args);
    }

    @Override
    public List<Class<?>> subcommands() {
        return List.of(
                InitCommand.class,
                MintAgentCommand.class,
                MintClientCommand.class,
                ShowCommand.class,
                VerifyCommand.class,
                ListCommand.class,
                RenewCommand.class,
                RevokeCommand.class,
                KeyCommand.class,
                ClusterKeyCommand.class,
                StoreCommand.class);
    }

    @Override
    public int getExitCode(Throwable failed) {
        return StoreOptions.exitCode(failed);
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "say what to do: init, agent, client, show, verify, list, renew, revoke, key, cluster-key or store");
    }
}
