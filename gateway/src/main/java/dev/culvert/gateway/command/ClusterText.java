package dev.culvert.gateway.command;

import dev.culvert.command.control.Words;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** What {@code status} says of the gateways of one store, for people. */
final class ClusterText {
    private ClusterText() {}

    /** @param cluster missing where there is none: then there is nothing to say */
    static List<String> of(JsonNode cluster, Instant now) {
        List<String> lines = new ArrayList<>();
        if (!cluster.isObject()) {
            return lines;
        }
        lines.add("");
        if (cluster.has("trouble")) {
            lines.add("the store does not say how the other gateways are now: "
                    + cluster.path("trouble").asString("?"));
        }
        List<List<String>> gateways = new ArrayList<>();
        for (JsonNode one : cluster.path("gateways")) {
            String state = one.path("state").asString("?");
            gateways.add(List.of(
                    one.path("name").asString("?"),
                    one.has("lost") ? state + " " + span(one.path("lost"), now) : state,
                    one.has("lost") ? "-" : span(one.path("since"), now),
                    one.path("version").asString("-"),
                    one.path("agents").asString("-"),
                    one.path("clients").asString("-"),
                    one.path("flows").asString("-")));
        }
        lines.addAll(
                Words.table(List.of("GATEWAY", "STATE", "UP FOR", "VERSION", "AGENTS", "CLIENTS", "FLOWS"), gateways));
        List<List<String>> agents = new ArrayList<>();
        for (JsonNode agent : cluster.path("agents")) {
            for (JsonNode one : agent.path("instances")) {
                agents.add(List.of(
                        agent.path("name").asString("?"),
                        one.path("instance").asString("-"),
                        one.path("flows").asString("?"),
                        names(one.path("gateways"))));
            }
        }
        table(lines, List.of("AGENT", "INSTANCE", "FLOWS", "AT GATEWAYS"), agents);
        List<List<String>> clients = new ArrayList<>();
        for (JsonNode client : cluster.path("clients")) {
            clients.add(List.of(client.path("name").asString("?"), names(client.path("gateways"))));
        }
        table(lines, List.of("CLIENT", "AT GATEWAYS"), clients);
        return lines;
    }

    private static void table(List<String> lines, List<String> head, List<List<String>> rows) {
        if (!rows.isEmpty()) {
            lines.add("");
            lines.addAll(Words.table(head, rows));
        }
    }

    private static String span(JsonNode since, Instant now) {
        return Words.span(Words.time(since, now), now);
    }

    private static String names(JsonNode array) {
        List<String> all = new ArrayList<>();
        array.forEach(name -> all.add(name.asString("?")));
        return String.join(", ", all);
    }
}
