package dev.culvert.gateway.command;

import dev.culvert.command.Program;
import dev.culvert.command.doctor.Doctor;
import dev.culvert.gateway.doctor.GatewayChecks;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.store.StoreOptions;
import java.nio.file.Path;
import java.time.Clock;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code gateway doctor}. */
@Command(
        name = "doctor",
        description = {
            "Looks at all that a gateway needs, and says of each in a line how it is and what mends it: Java, kernel, open files, memory,"
                    + " state directory and its rights, authority and clock, whether it runs, its port, the names in new tokens.",
            "Beside a gateway that runs, or without one, and as its user. It changes nothing."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 all is well, 1 something needs a cure, 2 wrong usage.")
final class GatewayDoctorCommand implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "State directory of the gateway, if it has another than usual.")
    @Nullable
    Path state;

    @Mixin
    StoreOptions store = new StoreOptions();

    @Option(
            names = "--listen",
            paramLabel = "[HOST]:PORT",
            defaultValue = ":443",
            description = "Where it would listen. Default: ${DEFAULT-VALUE}.")
    String listen = ":443";

    @Option(names = "--json", description = "Answer in JSON.")
    boolean json;

    @Override
    public Integer call() {
        Path path = state != null ? state : StateDirectory.defaultPath();
        return new Doctor(GatewayChecks.of(
                        () -> StateDirectory.open(path, Clock.systemUTC(), store.choice(path, System.getenv(), false)),
                        StatusCommand.sockets(state),
                        GatewayCommand.parseListen("--listen", listen)))
                .tell("gateway", Program.version(spec), json, spec.commandLine().getOut());
    }
}
