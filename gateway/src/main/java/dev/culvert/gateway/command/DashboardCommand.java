package dev.culvert.gateway.command;

import dev.culvert.command.control.AskOptions;
import dev.culvert.gateway.dashboard.DashboardOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code gateway dashboard}. */
@Command(
        name = "dashboard",
        description = {
            "Prints a link to the dashboard of the running gateway, which was started with --dashboard.",
            "It signs in one browser, within two minutes."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 the gateway is not running.")
final class DashboardCommand implements Callable<Integer> {
    @Mixin
    AskOptions options = new AskOptions();

    @Option(
            names = "--state",
            paramLabel = "DIR",
            description = "State directory of the gateway, if it has another than usual.")
    @Nullable
    Path state;

    @Override
    public Integer call() throws IOException {
        return options.ask(
                StatusCommand.sockets(state),
                DashboardOptions.QUESTION,
                Map.of(),
                answer -> List.of(answer.path("url").asString("")));
    }
}
