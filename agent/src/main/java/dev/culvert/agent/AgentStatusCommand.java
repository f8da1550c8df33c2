package dev.culvert.agent;

import dev.culvert.command.control.AskOptions;
import dev.culvert.command.control.Words;
import dev.culvert.token.holder.HolderStateOption;
import dev.culvert.token.holder.HolderStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import tools.jackson.databind.JsonNode;

/** {@code agent status}. */
@Command(
        name = "status",
        description = {
            "Says how the running agent is: its gateways and links, its token, flows of clients, sockets, what was refused.",
            "It is asked on its control socket; see 'agent --control-socket'."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 the agent is not running.")
final class AgentStatusCommand implements Callable<Integer> {
    /** The socket's name in the state directory: the first of several agents there has it. */
    static final String SOCKET = "agent.sock";

    /** Where the socket of the systemd service is, whose state directory is closed to all but root. */
    private static final Path SERVICE = Path.of("/run/culvert-agent", SOCKET);

    @Mixin
    AskOptions options = new AskOptions();

    @Mixin
    AskOptions.Watch watch = new AskOptions.Watch();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    @Override
    public Integer call() throws IOException {
        Path own = state.path("agent").resolve(SOCKET);
        return watch.ask(
                options, state.isNamed() ? List.of(own) : List.of(own, SERVICE), "status", AgentStatusCommand::text);
    }

    /** For people. What another version leaves out is left out, what it adds is not shown. */
    static List<String> text(JsonNode status) {
        Instant now = Words.time(status.path("now"), Instant.now());
        List<String> lines = new ArrayList<>();
        lines.add("agent     version " + text(status, "version") + ", process " + text(status, "pid") + ", instance "
                + text(status, "instance") + ", up for " + span(status, now) + ", state in " + text(status, "state")
                + (status.path("stopping").asBoolean(false) ? "; it is STOPPING" : ""));
        lines.add("token     " + HolderStatus.text(status.path("token"), now));
        lines.add("networks  "
                + String.join(
                        ", ",
                        status.path("networks")
                                .valueStream()
                                .map(node -> node.asString("?"))
                                .toList()));
        JsonNode sockets = status.path("sockets");
        lines.add("sockets   " + text(sockets, "tcp") + " TCP, " + text(sockets, "udp") + " UDP, "
                + text(sockets, "ping") + " ping, of " + text(sockets, "most") + " at most; "
                + text(status, "dialling") + " dials under way; " + text(status, "held") + " flows held");
        JsonNode counters = status.path("counters");
        lines.add("counted   " + text(counters, "opens") + " flows asked for, of these " + text(counters, "denied")
                + " denied and " + text(counters, "failed") + " dials that failed");
        lines.add("");
        lines.addAll(Words.table(
                List.of("GATEWAY", "LINK", "FOR", "ROUND TRIP", "FLOWS", "WHY"),
                status.path("gateways")
                        .valueStream()
                        .map(one -> List.of(
                                text(one, "gateway"),
                                text(one, "state"),
                                span(one, now),
                                one.has("roundTripMillis") ? text(one, "roundTripMillis") + " ms" : "-",
                                text(one, "flows"),
                                one.path("why").asString("")))
                        .toList()));
        return lines;
    }

    private static String span(JsonNode node, Instant now) {
        return Words.span(Words.time(node.path("since"), now), now);
    }

    private static String text(JsonNode node, String member) {
        return node.path(member).asString("?");
    }
}
