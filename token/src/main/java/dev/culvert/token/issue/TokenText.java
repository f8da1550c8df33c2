package dev.culvert.token.issue;

import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A token for people and for scripts. Never the token itself. */
final class TokenText {
    private TokenText() {}

    /** For {@code --json}; may be added to. */
    static Map<String, Object> fields(Token token) {
        Map<String, Object> out = new LinkedHashMap<>();
        out.put("kind", token.kind().toString());
        out.put("name", token.name());
        out.put("id", token.id());
        out.put("gateways", texts(token.gateways()));
        out.put("audience", texts(token.terms().audience()));
        out.put("pin", token.pin());
        out.put("issuedAt", token.issuedAt().toString());
        out.put("notBefore", token.notBefore().toString());
        out.put("expires", token.expires().toString());
        out.put("keyId", token.keyId());
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            out.put("binding", "enrolment");
            out.put("enrolBefore", enrolment.before().toString());
        } else if (token.binding() instanceof TokenBinding.Key key) {
            out.put("binding", "key");
            out.put("keyThumbprint", key.thumbprint());
        } else {
            out.put("binding", "bearer");
        }
        if (token instanceof ClientToken client) {
            out.put("grants", texts(client.grants()));
            out.put("routes", texts(client.routes()));
            out.put("domains", client.domains());
        } else if (token instanceof AgentToken agent) {
            out.put("routes", texts(agent.routes()));
            out.put("publish", texts(agent.publish()));
        }
        return out;
    }

    private static List<String> texts(Collection<?> values) {
        return values.stream().map(Object::toString).toList();
    }

    /** Paragraphs, with a line about its genuineness. */
    static void print(Consumer<String> out, Token token, String status, Instant now) {
        out.accept(token.kind() + " token of " + token.name());
        out.accept("  id        " + token.id());
        out.accept("  gateways  " + String.join(", ", texts(token.gateways())));
        out.accept("  audience  " + String.join(", ", texts(token.terms().audience())));
        String pin = token.pin();
        out.accept("  trusts    "
                + (pin == null
                        ? "certificates of the public web PKI"
                        : "only the certificate authority with pin " + pin));
        out.accept("  issued    " + token.issuedAt());
        out.accept("  valid     from " + token.notBefore() + " until " + token.expires() + " ("
                + remaining(now, token.expires()) + ")");
        out.accept("  key       " + token.keyId());
        out.accept("  binding   " + binding(token));
        out.accept("  status    " + status);
        if (token instanceof ClientToken client) {
            out.accept("  may reach");
            client.grants().forEach(grant -> out.accept("    " + sentence(grant)));
            out.accept(client.routes().isEmpty() ? "  routes    all that it may reach" : "  routes");
            client.routes()
                    .forEach(route -> out.accept("    " + route.prefix()
                            + (route.agent() == null ? "" : ", through agent " + route.agent())));
            if (!client.domains().isEmpty()) {
                out.accept("  domains   " + String.join(", ", client.domains()));
            }
        } else if (token instanceof AgentToken agent) {
            out.accept("  may serve");
            agent.routes().forEach(route -> out.accept("    " + route));
            out.accept("  may publish" + (agent.publish().isEmpty() ? " nothing" : ""));
            agent.publish().forEach(right -> out.accept("    " + sentence(right)));
        }
    }

    private static String binding(Token token) {
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            return "to the key of the machine that connects first, before " + enrolment.before();
        }
        return token.binding() instanceof TokenBinding.Key key
                ? "to the holder's key " + key.thumbprint()
                : "none: a bearer token, whoever has it is the holder";
    }

    private static String remaining(Instant now, Instant expires) {
        Duration left = Duration.between(now, expires);
        if (left.isNegative() || left.isZero()) {
            return "over";
        }
        // To the nearest: a token for 90 days has 90 of them left a second after it was made.
        long days = left.plusHours(12).toDays();
        long hours = left.plusMinutes(30).toHours();
        return days >= 2
                ? days + " days left"
                : hours >= 2 ? hours + " hours left" : left.plusSeconds(30).toMinutes() + " minutes left";
    }

    private static String sentence(Grant grant) {
        String ports = grant.ports().isAll() ? "all ports" : "ports " + grant.ports();
        return grant.target() + ", " + ports + ", over " + transports(grant.transports()) + ", through "
                + (grant.agent().equals(Grant.ANY_AGENT) ? "any agent" : "agent " + grant.agent());
    }

    private static String sentence(PublishRight right) {
        return right.ports() == null
                ? "under the name " + right.host()
                : "on ports " + right.ports() + " of the gateway, over " + transports(right.transports());
    }

    private static String transports(Collection<?> transports) {
        return transports.stream().map(Object::toString).collect(Collectors.joining(", "));
    }
}
