package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.TokenCodec;
import dev.culvert.token.sign.TokenReader;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What tokens were made with the keys of a state directory, in {@code issued.jsonl}: enough to revoke one and to know who
 * still uses an old key, never the token itself. Only whoever makes tokens needs it; gateways do not.
 */
public final class IssuedTokens {
    private static final Document DOCUMENT = new Document("issued.jsonl", true, JsonLines.MAX_SIZE);

    /** How long an expired token stays in the list: somebody may ask why it stopped working. */
    private static final Duration KEPT_AFTER_EXPIRY = Duration.ofDays(90);

    private final JsonLines<Entry> lines;
    private final Clock clock;

    IssuedTokens(Store store, Clock clock) {
        this.lines = new JsonLines<>(store, DOCUMENT, Entry::of, Entry::line);
        this.clock = clock;
    }

    /**
     * One token that was made.
     *
     * @param id see {@link TokenTerms#id}
     * @param kind client or agent
     * @param name the holder's
     * @param issuedAt when it was made
     * @param expires when it ends
     * @param keyId the key that signed it
     * @param of id of the token that it renews; null of one that renews none, or of one that an earlier version renewed
     * @param claims all that it says, without the signature, so that it can be renewed; null of one that is bound to no key, that is
     *     over, or that an earlier version made
     */
    public record Entry(
            String id,
            Token.Kind kind,
            String name,
            Instant issuedAt,
            Instant expires,
            String keyId,
            @Nullable String of,
            @Nullable String claims) {
        public static Entry of(Map<String, Object> fields) {
            try {
                return new Entry(
                        JsonLines.text(fields, "id"),
                        Token.Kind.of(JsonLines.text(fields, "kind")),
                        JsonLines.text(fields, "name"),
                        Instant.parse(JsonLines.text(fields, "issuedAt")),
                        Instant.parse(JsonLines.text(fields, "expires")),
                        JsonLines.text(fields, "keyId"),
                        fields.containsKey("of") ? JsonLines.text(fields, "of") : null,
                        fields.containsKey("claims") ? JsonLines.text(fields, "claims") : null);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException("a time is not like 2026-11-22T12:00:00Z", e);
            }
        }

        /** What {@code --json} says. */
        public Map<String, Object> fields() {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("id", id);
            out.put("kind", kind.toString());
            out.put("name", name);
            out.put("issuedAt", issuedAt.toString());
            out.put("expires", expires.toString());
            out.put("keyId", keyId);
            if (of != null) {
                out.put("of", of);
            }
            return out;
        }

        private Map<String, Object> line() {
            Map<String, Object> line = fields();
            if (claims != null) {
                line.put("claims", claims);
            }
            return line;
        }

        private Entry withoutClaims() {
            return new Entry(id, kind, name, issuedAt, expires, keyId, of, null);
        }

        /**
         * What the token says; nothing of it is verified, it was made here.
         *
         * @return null when that was not kept
         * @throws TokenException if it is no token of this version
         */
        public @Nullable Token token() throws TokenException {
            return claims == null ? null : TokenReader.ofClaims(kind, keyId, claims);
        }
    }

    /** All that are remembered, oldest first. */
    public List<Entry> read() throws StateException {
        return lines.read();
    }

    /** The ids of a token and of all that renew it, or one of those. */
    public static Set<String> family(List<Entry> issued, String id) {
        Set<String> family = new LinkedHashSet<>(Set.of(id));
        boolean more = true;
        while (more) {
            more = family.addAll(issued.stream()
                    .filter(entry -> entry.of != null && family.contains(entry.of))
                    .map(Entry::id)
                    .toList());
        }
        return family;
    }

    /**
     * Remembers a signed token, and forgets those that expired long ago.
     *
     * @param of id of the token that it renews; null when it renews none
     */
    public void add(Token token, @Nullable String of) throws StateException {
        lines.change(entries -> {
            Instant now = clock.instant();
            entries.removeIf(entry -> entry.expires.isBefore(now.minus(KEPT_AFTER_EXPIRY)));
            entries.replaceAll(entry -> entry.expires.isBefore(now) ? entry.withoutClaims() : entry);
            entries.add(new Entry(
                    token.id(),
                    token.kind(),
                    token.name(),
                    token.issuedAt(),
                    token.expires(),
                    token.keyId(),
                    of,
                    token.binding() instanceof TokenBinding.Bearer ? null : TokenCodec.encode(token)));
            return entries;
        });
    }

    /** Takes out one that nobody was given. */
    public void remove(String id) throws StateException {
        lines.change(entries -> entries.removeIf(entry -> entry.id.equals(id)) ? entries : null);
    }
}
