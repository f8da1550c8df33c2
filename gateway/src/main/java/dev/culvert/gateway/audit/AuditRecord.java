package dev.culvert.gateway.audit;

import dev.culvert.text.Printable;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One line of the audit log. Never holds a token, a key or payload; its texts are cut and escaped here, whoever
 * chose them. docs/operations.md describes the fields.
 */
public sealed interface AuditRecord {
    /** When it happened. */
    Instant time();

    /** What happened: the member {@code event}. */
    String event();

    /** The members after {@code time} and {@code event}, in order; those that are null are left out. */
    Map<String, @Nullable Object> fields();

    /** Whose link it is. */
    record Holder(
            long link,
            String kind,
            String name,
            String token,
            @Nullable String key,
            String from) {
        void addTo(Map<String, @Nullable Object> fields) {
            fields.put("link", link);
            fields.put("kind", kind);
            fields.put("name", name);
            fields.put("token", token);
            fields.put("key", key);
            fields.put("from", from);
        }
    }

    /** The gateway has started or is stopping. */
    record Gateway(Instant time, boolean started, @Nullable String version) implements AuditRecord {
        @Override
        public String event() {
            return started ? "gateway-start" : "gateway-stop";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("version", version);
            return out;
        }
    }

    /**
     * A link is up.
     *
     * @param group of TLS that its keys were agreed by; empty when that is not known
     */
    record LinkUp(Instant time, Holder holder, String group) implements AuditRecord {
        @Override
        public String event() {
            return "link-up";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            holder.addTo(out);
            out.put("group", group.isEmpty() ? null : group);
            return out;
        }
    }

    /**
     * A link is down.
     *
     * @param flows how many flows it had in its life
     */
    record LinkDown(Instant time, Holder holder, String why, long flows, Duration life) implements AuditRecord {
        @Override
        public String event() {
            return "link-down";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            holder.addTo(out);
            out.put("why", why);
            out.put("flows", flows);
            out.put("seconds", seconds(life));
            return out;
        }
    }

    /**
     * A flow has ended, or was denied.
     *
     * @param time when it ended
     * @param client the client's name, {@code clientLink} the number of its link
     * @param flow its number in the client's session; null for what has none: flows of older clients
     * @param id by which the logs of gateway and agent know it; null when it has reached no agent, or has no number
     * @param agent the name that the client asked for; {@code agentLink} and {@code instance} who took it, if any did
     * @param source the application's endpoint, as the client says
     * @param allowed whether policy allowed it
     * @param rule what decided
     * @param end how it ended: {@code finished}, or a reason of the protocol in lower case
     * @param endedBy client, agent or gateway; null when it finished
     * @param bytesUp payload from the client, {@code bytesDown} to it
     */
    record Flow(
            Instant time,
            String client,
            long clientLink,
            @Nullable Long flow,
            @Nullable String id,
            @Nullable String source,
            String protocol,
            String host,
            int port,
            String agent,
            @Nullable Long agentLink,
            @Nullable String instance,
            boolean allowed,
            @Nullable String rule,
            String end,
            @Nullable String endedBy,
            long bytesUp,
            long bytesDown,
            Duration life)
            implements AuditRecord {
        @Override
        public String event() {
            return "flow";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("client", client);
            out.put("clientLink", clientLink);
            out.put("flow", flow);
            out.put("id", id);
            out.put("source", source);
            out.put("protocol", protocol);
            out.put("host", host);
            out.put("port", port);
            out.put("agent", agent);
            out.put("agentLink", agentLink);
            out.put("instance", instance);
            out.put("decision", allowed ? "allow" : "deny");
            out.put("rule", rule);
            out.put("end", end);
            out.put("endedBy", endedBy);
            out.put("bytesUp", bytesUp);
            out.put("bytesDown", bytesDown);
            out.put("seconds", seconds(life));
            return out;
        }
    }

    /**
     * A token was refused.
     *
     * @param name the holder, once the signature was found good; {@code token} the token's id, likewise
     * @param unreported how many more were refused to the same network since its last such line
     */
    record TokenRefused(
            Instant time,
            String from,
            String why,
            @Nullable String kind,
            @Nullable String name,
            @Nullable String token,
            long unreported)
            implements AuditRecord {
        @Override
        public String event() {
            return "token-refused";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("from", from);
            out.put("why", why);
            out.put("kind", kind);
            out.put("name", name);
            out.put("token", token);
            out.put("unreported", unreported == 0 ? null : unreported);
            return out;
        }
    }

    /** A token was bound to the key of the machine that came first. */
    record TokenEnrolled(Instant time, String kind, String name, String token, String key, String from)
            implements AuditRecord {
        @Override
        public String event() {
            return "token-enrolled";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("kind", kind);
            out.put("name", name);
            out.put("token", token);
            out.put("key", key);
            out.put("from", from);
            return out;
        }
    }

    /**
     * The gateway has learnt that a token, or a name's tokens, were revoked.
     *
     * @param links how many links that has cut
     */
    record TokenRevoked(Instant time, Map<String, Object> revocation, int links) implements AuditRecord {
        @Override
        public String event() {
            return "token-revoked";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("revocation", revocation);
            out.put("links", links);
            return out;
        }
    }

    /** A renewed token is with its holder, who got it on its link. */
    record TokenHandedOver(Instant time, String kind, String name, String token, Instant expires)
            implements AuditRecord {
        @Override
        public String event() {
            return "token-handed-over";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("kind", kind);
            out.put("name", name);
            out.put("token", token);
            out.put("expires", expires.toString());
            return out;
        }
    }

    /**
     * Lines that a holder has caused and that were left out, since the last such line of it.
     *
     * @param what flows, denied flows or links
     */
    record Unreported(Instant time, String kind, String name, String what, long lines) implements AuditRecord {
        @Override
        public String event() {
            return "unreported";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("kind", kind);
            out.put("name", name);
            out.put("what", what);
            out.put("lines", lines);
            return out;
        }
    }

    /** A policy came into force, or a file was not taken. */
    record Policy(Instant time, String file, @Nullable String refused, int grants, int denies) implements AuditRecord {
        @Override
        public String event() {
            return refused == null ? "policy" : "policy-refused";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("file", file);
            out.put("why", refused);
            out.put("grants", refused == null ? grants : null);
            out.put("denies", refused == null ? denies : null);
            return out;
        }
    }

    /** The keys whose tokens are accepted have changed, or the names of the gateway. */
    record Keys(Instant time, List<String> keys, int links) implements AuditRecord {
        @Override
        public String event() {
            return "keys";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("accepted", keys);
            out.put("links", links);
            return out;
        }
    }

    /** Lines are missing here: more came than could be written. */
    record Lost(Instant time, long lines) implements AuditRecord {
        @Override
        public String event() {
            return "lost";
        }

        @Override
        public Map<String, @Nullable Object> fields() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("lines", lines);
            return out;
        }
    }

    /** The whole line as members of one object; times in milliseconds of UTC. */
    default Map<String, Object> line() {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("time", time().truncatedTo(ChronoUnit.MILLIS).toString());
        out.put("event", event());
        fields().forEach((name, value) -> {
            if (value != null) {
                out.put(name, value instanceof String text ? Printable.text(text) : value);
            }
        });
        return out;
    }

    private static double seconds(Duration d) {
        return d.toMillis() / 1000.0;
    }
}
