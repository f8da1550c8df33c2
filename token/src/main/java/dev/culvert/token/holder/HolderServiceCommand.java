package dev.culvert.token.holder;

import dev.culvert.command.service.ServiceCommand;
import dev.culvert.command.service.ServiceUnit;
import dev.culvert.token.Token;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client service} and {@code agent service}. */
@Command(name = "service", subcommands = HolderServiceCommand.Install.class)
public final class HolderServiceCommand extends ServiceCommand {
    /** Used by picocli. */
    public HolderServiceCommand() {}

    /** {@code service install}. */
    @Command(
            name = "install",
            description = {
                "Has systemd start this program now and at each boot, with a copy of a token of its own.",
                "The token is that of a profile, or of --token-file. Others of 'up' go into /etc/culvert, as OPTIONS= of client.conf or agent.conf."
            },
            mixinStandardHelpOptions = true,
            footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
    static final class Install implements Callable<Integer> {
        @Spec
        CommandSpec spec = CommandSpec.create();

        @Parameters(
                arity = "0..1",
                paramLabel = "PROFILE",
                completionCandidates = ProfileCandidates.class,
                description =
                        "The token that 'login' keeps under this name. Default: the last that was logged in with.")
        @Nullable
        String profile;

        @Mixin
        HolderOptions options = new HolderOptions();

        @Override
        public Integer call() throws Exception {
            String program = spec.root().name();
            HolderOptions.Holder holder = options.read(Token.Kind.valueOf(program.toUpperCase(Locale.ROOT)), profile);
            if (options.existingKeys(holder.token()) != null) {
                throw new IOException("the token of '" + holder.token().name() + "' is bound to a key in "
                        + options.directory(holder.token().kind())
                        + ", which the service does not have: make a token for it, and give it with --token-file");
            }
            ServiceCommand.say(spec, ServiceUnit.of(program).install(holder.jwt()));
            return 0;
        }
    }
}
