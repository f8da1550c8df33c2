package dev.culvert.gateway.command;

import dev.culvert.command.control.Words;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** The answer to {@code status} for people. What another version leaves out is left out, what it adds is not shown. */
final class StatusText {
    /** Of a hash: enough to compare by eye. */
    private static final int HASH = 16;

    private final JsonNode status;
    private final Instant now;
    private final List<String> lines = new ArrayList<>();

    private StatusText(JsonNode status) {
        this.status = status;
        this.now = Words.time(status.path("now"), Instant.now());
    }

    static List<String> of(JsonNode status) {
        StatusText text = new StatusText(status);
        text.itself();
        text.certificate();
        text.certificates();
        text.publications();
        text.policy();
        text.store();
        text.counted();
        text.ending();
        text.agents();
        text.clients();
        text.lines.addAll(ClusterText.of(status.path("cluster"), text.now));
        return text.lines;
    }

    private void itself() {
        lines.add("gateway      version " + status.path("version").asString("?") + ", process "
                + status.path("pid").asString("?") + ", since " + ago(status.path("since")));
        lines.add("listens on   " + status.path("listen").asString("?")
                + (status.path("tls").asBoolean(true) ? " (TLS)" : " (plain ws)") + ", state in "
                + status.path("state").asString("?"));
        List<String> urls = texts(status.path("urls"));
        if (!urls.isEmpty()) {
            lines.add("tokens say   " + String.join(", ", urls));
        }
    }

    private void certificate() {
        JsonNode certificate = status.path("certificate");
        if (certificate.isObject()) {
            Instant until = Words.time(certificate.path("until"), now);
            lines.add("certificate  for " + String.join(", ", texts(certificate.path("names"))) + "; until " + until
                    + (until.isAfter(now) ? " (" + Words.span(now, until) + " left)" : " (it is OVER)"));
        }
    }

    /** Those that need a person's eye, and how many do not. */
    private void certificates() {
        int valid = 0;
        Instant soonest = null;
        List<String> others = new ArrayList<>();
        for (JsonNode one : status.path("certificates")) {
            if (one.path("state").asString("").equals("valid") && !one.has("why")) {
                valid++;
                Instant until = Words.time(one.path("until"), now);
                soonest = soonest == null || until.isBefore(soonest) ? until : soonest;
            } else {
                others.add("             " + one.path("name").asString("?") + ": " + certificate(one));
            }
        }
        if (soonest != null) {
            lines.add("published    " + valid + (valid == 1 ? " certificate is" : " certificates are")
                    + " in force, the first to end at " + soonest + " (" + Words.span(now, soonest) + " left)");
        }
        if (!others.isEmpty()) {
            lines.add((soonest == null ? "published    " : "             ") + others.size()
                    + (others.size() == 1 ? " name wants" : " names want") + " a certificate:");
            lines.addAll(others);
        }
    }

    /** What is known of a published name's certificate, without the name. */
    static String certificate(JsonNode one) {
        StringBuilder out = new StringBuilder(one.path("state").asString("?"));
        if (one.has("daysLeft")) {
            out.append(", ").append(one.path("daysLeft").asLong()).append(" days left");
        }
        if (one.has("source")) {
            out.append(one.has("until") ? ", from " : ", asked of ")
                    .append(one.path("source").asString("?"));
        }
        if (one.has("why")) {
            out.append("; ").append(one.path("why").asString("?"));
        }
        if (one.has("next")) {
            out.append(one.has("why") || !one.has("until") ? "; next attempt at " : "; renewed at ")
                    .append(one.path("next").asString("?"));
        }
        return out.toString();
    }

    private void publications() {
        Map<String, Integer> states = new TreeMap<>();
        List<String> unwell = new ArrayList<>();
        for (JsonNode one : status.path("publications")) {
            states.merge(one.path("state").asString("?"), 1, Integer::sum);
            for (JsonNode instance : one.path("instances")) {
                String trouble = trouble(instance);
                if (!trouble.isEmpty()) {
                    unwell.add("             " + one.path("at").asString("?") + " through '"
                            + one.path("agent").asString("?") + "' instance "
                            + instance.path("instance").asString("?") + ": " + trouble);
                }
            }
        }
        if (!states.isEmpty()) {
            List<String> counts = new ArrayList<>();
            states.forEach((state, n) -> counts.add(n + " " + state));
            lines.add("publishes    " + String.join(", ", counts));
            lines.addAll(unwell);
        }
    }

    /** What is wrong with the way through an instance; empty when nothing is known to be. */
    static String trouble(JsonNode instance) {
        List<String> all = new ArrayList<>();
        if (instance.path("state").asString("").equals("unwell")) {
            all.add("unwell since " + instance.path("since").asString("?"));
        }
        if (instance.has("error")) {
            all.add(instance.path("error").asString("?"));
        }
        if (instance.path("passedOver").asBoolean(false)) {
            all.add("connecting has failed, others go before it");
        }
        return String.join("; ", all);
    }

    private void policy() {
        JsonNode policy = status.path("policy");
        String file = policy.path("file").asString("?");
        if (policy.has("grants")) {
            String hash = policy.path("sha256").asString("");
            String version = policy.has("version")
                    ? ", version " + policy.path("version").asString("?")
                    : "";
            lines.add("policy       " + file + version + ", "
                    + policy.path("grants").asInt(0) + " grants, "
                    + policy.path("denies").asInt(0) + " denies, sha256 "
                    + hash.substring(0, Math.min(HASH, hash.length())) + "..., in force since "
                    + ago(policy.path("since")));
        } else {
            lines.add("policy       none (" + file + "): the tokens' grants alone decide");
        }
        if (policy.has("error")) {
            lines.add("             NOT LOADED as it is now, since " + ago(policy.path("errorSince")) + ": "
                    + policy.path("error").asString(""));
        }
    }

    private void store() {
        JsonNode store = status.path("store");
        if (store.isObject()) {
            boolean away = store.path("state").asString("").equals("away");
            lines.add("store        " + store.path("address").asString("?")
                    + (away
                            ? ", AWAY since " + ago(store.path("awaySince")) + ": "
                                    + store.path("why").asString("")
                            : ", reachable"));
            lines.add("             "
                    + (store.has("copied")
                            ? "copy of " + ago(store.path("copied")) + ": "
                                    + store.path("documents").asInt(0) + " documents, "
                                    + store.path("enrolments").asInt(0) + " enrolled tokens"
                            : "no copy of it yet"));
        }
    }

    private void counted() {
        JsonNode counters = status.path("counters");
        lines.add("flows        " + count("flows") + " open, of " + number(counters, "opens") + " asked for "
                + number(counters, "denied") + " denied, " + number(counters, "limited") + " over a limit; "
                + Words.bytes(counters.path("bytes").asLong(0)) + " carried");
        JsonNode memory = status.path("memory");
        lines.add("memory       heap " + Words.bytes(memory.path("heap").asLong(0)) + " of "
                + Words.bytes(memory.path("heapMax").asLong(0)) + ", buffers "
                + Words.bytes(memory.path("buffers").asLong(0)) + " of "
                + Words.bytes(memory.path("buffersMax").asLong(0)) + ", "
                + Words.bytes(memory.path("backlog").asLong(0)) + " wait for peers");
        lines.add("strangers    " + count("strangers") + " connections; refused since the start: "
                + number(counters, "refusedTokens") + " tokens, " + number(counters, "refusedConnections")
                + " connections");
        String lost = lost(counters);
        if (!lost.isEmpty()) {
            lines.add("trouble      " + lost);
        }
    }

    private static String lost(JsonNode counters) {
        List<String> all = new ArrayList<>();
        trouble(all, counters, "overloaded", "flows ended because too much waited for a link");
        trouble(all, counters, "droppedDatagrams", "datagrams dropped");
        trouble(all, counters, "shedConnections", "connections ended for want of memory");
        trouble(all, counters, "shedLinks", "links ended for want of memory");
        return String.join(", ", all);
    }

    private static void trouble(List<String> all, JsonNode counters, String name, String words) {
        long n = counters.path(name).asLong(0);
        if (n > 0) {
            all.add(n + " " + words);
        }
    }

    /** Whose tokens end soon, of those that are connected. */
    private void ending() {
        Map<String, Instant> ends = new TreeMap<>();
        for (JsonNode agent : status.path("agents")) {
            for (JsonNode instance : agent.path("instances")) {
                ending(ends, "agent " + agent.path("name").asString("?"), instance.path("link"));
            }
        }
        for (JsonNode client : status.path("clients")) {
            for (JsonNode link : client.path("links")) {
                ending(ends, "client " + client.path("name").asString("?"), link);
            }
        }
        if (!ends.isEmpty()) {
            lines.add("tokens       " + ends.size() + (ends.size() == 1 ? " ends" : " end")
                    + " soon; token renew NAME makes those anew that are bound to a key:");
            ends.forEach((holder, end) ->
                    lines.add("             " + holder + ": " + end + " (" + Words.span(now, end) + " left)"));
        }
    }

    /** A holder with several has the first of them named: each has to be made anew. */
    private void ending(Map<String, Instant> ends, String holder, JsonNode link) {
        if (link.path("expiresSoon").asBoolean(false)) {
            Instant end = Words.time(link.path("expires"), now);
            ends.merge(holder, end, (a, b) -> a.isBefore(b) ? a : b);
        }
    }

    private void agents() {
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode agent : status.path("agents")) {
            for (JsonNode instance : agent.path("instances")) {
                List<String> row = new ArrayList<>();
                row.add(agent.path("name").asString("?"));
                row.add(instance.path("instance").asString("-"));
                row.add(instance.path("state").asString("?"));
                row.addAll(link(instance.path("link")));
                rows.add(row);
            }
        }
        table(List.of("AGENT", "INSTANCE", "STATE"), rows, "no agent is connected");
    }

    private void clients() {
        List<List<String>> rows = new ArrayList<>();
        for (JsonNode client : status.path("clients")) {
            for (JsonNode link : client.path("links")) {
                List<String> row = new ArrayList<>();
                row.add(client.path("name").asString("?"));
                row.addAll(link(link));
                rows.add(row);
            }
        }
        table(List.of("CLIENT"), rows, "no client is connected");
    }

    private List<String> link(JsonNode link) {
        String millis = link.path("roundTripMillis").isNumber()
                ? String.format(
                        java.util.Locale.ROOT,
                        "%.1f ms",
                        link.path("roundTripMillis").asDouble())
                : "-";
        return List.of(
                link.path("from").asString("?"),
                Words.span(Words.time(link.path("since"), now), now),
                millis,
                link.path("flows").asString("?"),
                Words.bytes(link.path("received").asLong(0)),
                Words.bytes(link.path("sent").asLong(0)));
    }

    private void table(List<String> head, List<List<String>> rows, String none) {
        lines.add("");
        if (rows.isEmpty()) {
            lines.add(none);
            return;
        }
        List<String> all = new ArrayList<>(head);
        all.addAll(List.of("FROM", "SINCE", "ROUND TRIP", "FLOWS", "RECEIVED", "SENT"));
        lines.addAll(Words.table(all, rows));
    }

    private String ago(JsonNode time) {
        Instant at = Words.time(time, now);
        return at + " (" + Words.span(at, now) + ")";
    }

    private String count(String name) {
        return status.path(name).asString("?");
    }

    private static String number(JsonNode counters, String name) {
        return counters.path(name).asString("0");
    }

    private static List<String> texts(JsonNode array) {
        List<String> all = new ArrayList<>();
        array.forEach(t -> all.add(t.asString("?")));
        return all;
    }
}
