package dev.culvert.client.up;

import dev.culvert.command.control.Words;
import dev.culvert.token.holder.HolderStatus;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The answer to {@code status} for people. What another version leaves out is left out, what it adds is not shown. */
final class ClientStatusText {
    /** Of routes and of an agent's networks; {@code --json} has them all. */
    private static final int SHOWN = 8;

    private ClientStatusText() {}

    static List<String> of(JsonNode status) {
        Instant now = Words.time(status.path("now"), Instant.now());
        List<String> lines = new ArrayList<>();
        lines.add("client     version " + text(status, "version") + ", process " + text(status, "pid") + ", up for "
                + span(status.path("since"), now) + ", state in " + text(status, "state"));
        JsonNode link = status.path("link");
        lines.add("gateway    " + text(link, "gateway") + ", "
                + (text(link, "state").equals("up")
                        ? "linked for " + span(link.path("since"), now)
                                + (link.has("roundTripMillis")
                                        ? ", round trip " + text(link, "roundTripMillis") + " ms"
                                        : "")
                        : "NOT linked for " + span(link.path("since"), now) + ": " + text(link, "why")));
        lines.add("token      " + HolderStatus.text(status.path("token"), now));
        lines.add("interface  " + text(status, "device") + ", " + some(texts(status.path("addresses"))));
        List<String> routes = status.path("routes")
                .valueStream()
                .map(route -> text(route, "network") + " via " + text(route, "agent")
                        + (route.has("there") ? " (there " + text(route, "there") + ")" : ""))
                .toList();
        lines.add("routes     " + (routes.isEmpty() ? "none" : some(routes)));
        JsonNode flows = status.path("flows");
        lines.add("flows      " + text(flows, "tcp") + " TCP, " + text(flows, "udp") + " UDP, " + text(flows, "ping")
                + " ping; " + text(flows, "held") + " held; " + text(flows, "refused") + " refused since the start"
                + joined(flows.path("programs").asInt(0)));
        JsonNode carried = status.path("carried");
        lines.add("carried    " + Words.bytes(carried.path("sent").asLong(0)) + " sent, "
                + Words.bytes(carried.path("received").asLong(0)) + " received");
        List<List<String>> agents = status.path("agents")
                .valueStream()
                .map(agent -> List.of(text(agent, "name"), state(agent), some(texts(agent.path("networks")))))
                .toList();
        if (!agents.isEmpty()) {
            lines.add("");
            lines.addAll(Words.table(List.of("AGENT", "STATE", "NETWORKS"), agents));
        }
        return lines;
    }

    private static String joined(int programs) {
        return programs == 0
                ? ""
                : "; " + programs + (programs == 1 ? " other program goes" : " other programs go")
                        + " through this client";
    }

    private static String state(JsonNode agent) {
        int instances = agent.path("instances").asInt(0);
        return instances == 0 ? "not connected" : instances == 1 ? "connected" : instances + " instances";
    }

    private static String span(JsonNode since, Instant now) {
        return Words.span(Words.time(since, now), now);
    }

    private static String text(JsonNode node, String member) {
        return node.path(member).asString("?");
    }

    private static List<String> texts(JsonNode array) {
        return array.valueStream().map(node -> node.asString("?")).toList();
    }

    private static String some(List<String> all) {
        return String.join(", ", all.subList(0, Math.min(SHOWN, all.size())))
                + (all.size() > SHOWN ? " and " + (all.size() - SHOWN) + " more" : "");
    }
}
