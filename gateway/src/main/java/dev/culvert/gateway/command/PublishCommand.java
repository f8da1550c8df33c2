package dev.culvert.gateway.command;

import dev.culvert.command.control.AskOptions;
import dev.culvert.command.control.Words;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** The {@code gateway publish} commands: what the running gateway publishes. */
@Command(
        name = "publish",
        description = "Says what the running gateway publishes, and what it does not and why.",
        mixinStandardHelpOptions = true,
        subcommands = {PublishCommand.ListAll.class, PublishCommand.Explain.class, HashCommand.class},
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 the gateway is not running.")
final class PublishCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: list, explain or hash");
    }

    /** Who is asked. */
    abstract static class Asking implements Callable<Integer> {
        @Mixin
        AskOptions options = new AskOptions();

        @Option(
                names = "--state",
                paramLabel = "DIR",
                description = "State directory of the gateway, if it has another than usual.")
        @Nullable
        Path state;
    }

    /** {@code gateway publish list}. */
    @Command(
            name = "list",
            description = "Lists what the policy and agents want to publish, and what has become of it.",
            mixinStandardHelpOptions = true)
    static final class ListAll extends Asking {
        @Override
        public Integer call() throws IOException {
            return options.ask(StatusCommand.sockets(state), "publish-list", Map.of(), ListAll::text);
        }

        static List<String> text(JsonNode answer) {
            List<List<String>> rows = new ArrayList<>();
            List<String> refused = new ArrayList<>();
            Set<String> named = new HashSet<>();
            for (JsonNode one : answer.path("publications")) {
                rows.add(List.of(
                        one.path("at").asString("?"),
                        one.path("agent").asString("?"),
                        one.path("by").asString("?"),
                        one.path("state").asString("?"),
                        instances(one.path("instances")),
                        certificate(one.path("certificate")),
                        one.path("target").asString("?")));
                String why = one.path("why").asString("");
                JsonNode certificate = one.path("certificate");
                if (certificate.has("why") && named.add(certificate.path("name").asString("?"))) {
                    refused.add("certificate of " + certificate.path("name").asString("?") + ": "
                            + StatusText.certificate(certificate));
                }
                for (JsonNode instance : one.path("instances")) {
                    String trouble = StatusText.trouble(instance);
                    if (!trouble.isEmpty()) {
                        refused.add(one.path("at").asString("?") + " through instance "
                                + instance.path("instance").asString("?") + ": " + trouble);
                    }
                }
                if (!why.isEmpty()) {
                    refused.add(one.path("at").asString("?") + " of agent '"
                            + one.path("agent").asString("?") + "': " + why);
                }
            }
            if (rows.isEmpty()) {
                return List.of("nothing is published");
            }
            List<String> lines = new ArrayList<>(
                    Words.table(List.of("PUBLIC", "AGENT", "BY", "STATE", "INSTANCES", "CERTIFICATE", "TARGET"), rows));
            if (!refused.isEmpty()) {
                lines.add("");
                lines.addAll(refused);
            }
            return lines;
        }

        /** How many are in each state. */
        private static String instances(JsonNode all) {
            Map<String, Integer> states = new TreeMap<>();
            all.forEach(one -> states.merge(one.path("state").asString("?"), 1, Integer::sum));
            List<String> counts = new ArrayList<>();
            states.forEach((state, n) -> counts.add(n + " " + state));
            return counts.isEmpty() ? "-" : String.join(", ", counts);
        }

        private static String certificate(JsonNode one) {
            if (one.isMissingNode()) {
                return "-";
            }
            String state = one.path("state").asString("?");
            return one.has("daysLeft") ? state + ", " + one.path("daysLeft").asLong() + " d" : state;
        }
    }

    /** {@code gateway publish explain}. */
    @Command(
            name = "explain",
            description = "Says what answers for a name or port, and why, or why not.",
            mixinStandardHelpOptions = true)
    static final class Explain extends Asking {
        @Parameters(
                index = "0",
                paramLabel = "NAME",
                description = "Such as app.example.com, app.example.com/api or tcp:2222.")
        String name = "";

        @Override
        public Integer call() throws IOException {
            return options.ask(StatusCommand.sockets(state), "publish-explain", Map.of("name", name), Explain::text);
        }

        static List<String> text(JsonNode answer) {
            List<String> lines = new ArrayList<>();
            for (JsonNode reason : answer.path("reasons")) {
                lines.add((lines.isEmpty() ? "" : "  ") + reason.asString(""));
            }
            JsonNode certificate = answer.path("served").path("certificate");
            if (certificate.isObject()) {
                lines.add("  its certificate: " + StatusText.certificate(certificate));
            }
            return lines;
        }
    }
}
