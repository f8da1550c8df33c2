package dev.culvert.client.doctor;

import dev.culvert.client.uplink.ClientPlaces;
import dev.culvert.command.Program;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Doctor;
import dev.culvert.command.doctor.MachineChecks;
import dev.culvert.token.Token;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.HolderSource;
import dev.culvert.token.holder.TokenCheck;
import dev.culvert.tun.Platform;
import dev.culvert.tun.host.Host;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client doctor}. */
@Command(
        name = "doctor",
        description = {
            "Looks at all that a client needs, and says of each in a line how it is and what mends it: Java, kernel, TUN, token and clock,"
                    + " each gateway from its name to round trips over a link, proxy, routes, rules, resolver.",
            "Beside a client that is up, or without one; it makes a link of its own for a moment, and an interface as root."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 all is well, 1 something needs a cure, 2 wrong usage.")
public final class DoctorCommand implements Callable<Integer> {
    /** A day's work in a browser. */
    private static final int FILES = 1_024;

    /** What the launcher's heap and the buffers take when they are used. */
    private static final int MEBIBYTES = 200;

    private static final Path REVERSE_PATH = Path.of("/proc/sys/net/ipv4/conf");
    private static final Path RESOLVER = Path.of("/etc/resolv.conf");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "PROFILE",
            description =
                    "Look with the token that 'login' keeps under this name. Default: the last that was logged in with.")
    @Nullable
    String profile;

    @Mixin
    HolderOptions options = new HolderOptions();

    @Option(names = "--json", description = "Answer in JSON.")
    boolean json;

    /** Used by picocli. */
    public DoctorCommand() {}

    @Override
    public Integer call() {
        return new Doctor(checks(options, profile))
                .tell("client", Program.version(spec), json, spec.commandLine().getOut());
    }

    /** All of a client's, in the order in which they are told. */
    static List<Check> checks(HolderOptions options, @Nullable String profile) {
        Path directory = options.directory(Token.Kind.CLIENT);
        Callable<HolderOptions.Holder> source = new HolderSource(() -> options.read(Token.Kind.CLIENT, profile));
        RunningClient client = new RunningClient(ClientPlaces.controls(directory));
        RoutesCheck.StateReader host = () -> {
            try (Host here = Platform.openHost()) {
                return here.read();
            }
        };
        return MachineChecks.and(
                FILES,
                MEBIBYTES,
                new TunCheck(Platform::openTun),
                client,
                new LeftoversCheck(directory),
                new MtuCheck(host),
                new ResolverCheck(RESOLVER),
                new ReversePathCheck(REVERSE_PATH, client),
                new RulesCheck(host),
                new RoutesCheck(client, host),
                new TokenCheck(source, directory, Clock.systemUTC()),
                new GatewaysCheck(options, source));
    }
}
