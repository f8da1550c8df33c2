package dev.culvert.agent;

import dev.culvert.command.Program;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Doctor;
import dev.culvert.command.doctor.MachineChecks;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.HolderSource;
import dev.culvert.token.holder.TokenCheck;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code agent doctor}. */
@Command(
        name = "doctor",
        description = {
            "Looks at all that an agent needs, and says of each in a line how it is and what mends it: Java, kernel, open files, memory,"
                    + " ping, token and clock, each gateway from its name to round trips over a link, proxy.",
            "Beside an agent that runs, or without one, and as its user; it makes a link of its own for a moment."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 all is well, 1 something needs a cure, 2 wrong usage.")
final class AgentDoctorCommand implements Callable<Integer> {
    /** For some hundred clients; the units give it sixteen times as many. */
    private static final int FILES = 4_096;

    /** What the launcher's heap and the buffers take when they are used. */
    private static final int MEBIBYTES = 200;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--profile",
            paramLabel = "NAME",
            description =
                    "Look with the token that 'agent login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String profile;

    @Mixin
    HolderOptions options = new HolderOptions();

    @Option(names = "--json", description = "Answer in JSON.")
    boolean json;

    @Override
    public Integer call() {
        Path directory = options.directory(Token.Kind.AGENT);
        HolderSource source = new HolderSource(() -> options.read(Token.Kind.AGENT, profile));
        List<Check> checks = MachineChecks.and(
                FILES,
                MEBIBYTES,
                new PingCheck(),
                new TokenCheck(source, directory, Clock.systemUTC()),
                new GatewaysCheck(options, source));
        return new Doctor(checks)
                .tell("agent", Program.version(spec), json, spec.commandLine().getOut());
    }
}
