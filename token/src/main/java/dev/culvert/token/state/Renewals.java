package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenFields;
import dev.culvert.token.sign.TokenReader;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Renewed tokens that wait for their holders, in {@code renewals.jsonl}: a gateway hands each over on its holder's link, and takes it out
 * when the holder says that it has it. Each is bound to the holder's key, so it is of no use to others. Blocks; for any thread but an event
 * loop's.
 */
public final class Renewals {
    /** More do not wait at a time; those of holders that never come end with their tokens. */
    public static final int MAX = 500;

    private static final Document DOCUMENT = new Document("renewals.jsonl", true, JsonLines.MAX_SIZE);

    private final Store store;
    private final JsonLines<Entry> lines;
    private final Clock clock;

    Renewals(Store store, Clock clock) {
        this.store = store;
        this.lines = new JsonLines<>(store, DOCUMENT, Entry::of, Entry::fields);
        this.clock = clock;
    }

    /**
     * A token that waits.
     *
     * @param key thumbprint of the holder's key
     * @param id the token's
     * @param jwt its text
     * @param of id of the token that its holder has, which it renews; null where an earlier version did not say
     */
    public record Entry(
            Token.Kind kind,
            String name,
            String key,
            String id,
            Instant expires,
            String jwt,
            @Nullable String of) {
        public Entry {
            TokenFields.sha256("key thumbprint", key);
            TokenFields.id(id);
        }

        static Entry of(Map<String, Object> fields) {
            try {
                return new Entry(
                        Token.Kind.of(JsonLines.text(fields, "kind")),
                        JsonLines.text(fields, "name"),
                        JsonLines.text(fields, "key"),
                        JsonLines.text(fields, "id"),
                        Instant.parse(JsonLines.text(fields, "expires")),
                        JsonLines.text(fields, "token"),
                        fields.containsKey("of") ? JsonLines.text(fields, "of") : null);
            } catch (DateTimeException e) {
                throw new IllegalArgumentException("a time is not like 2026-11-22T12:00:00Z", e);
            }
        }

        private Map<String, Object> fields() {
            Map<String, Object> out = new LinkedHashMap<>();
            out.put("kind", kind.toString());
            out.put("name", name);
            out.put("key", key);
            out.put("id", id);
            out.put("expires", expires.toString());
            out.put("token", jwt);
            if (of != null) {
                out.put("of", of);
            }
            return out;
        }

        /** Whether it is for this holder, and its token is older. */
        public boolean isFor(Token token, @Nullable String holdersKey) {
            return token.kind() == kind
                    && token.name().equals(name)
                    && key.equals(holdersKey)
                    && !token.id().equals(id)
                    && token.expires().isBefore(expires);
        }

        /** Of one that has not been handed over yet: its holder has what that renews. */
        private Entry inPlaceOf(Entry before) {
            return before.id.equals(of) ? new Entry(kind, name, key, id, expires, jwt, before.of) : this;
        }

        /** Whether it was revoked, or the token was that it renews; one that cannot be read was. */
        public boolean isRevoked(Revocations revocations) {
            try {
                Token token = TokenReader.read(jwt, kind);
                return revocations.isRevoked(token)
                        || of != null && revocations.isRevoked(kind, of, name, token.issuedAt());
            } catch (TokenException e) {
                return true;
            }
        }

        private boolean isOfHolder(Entry other) {
            return kind == other.kind && name.equals(other.name) && key.equals(other.key);
        }

        /** Without the token. */
        @Override
        public String toString() {
            return "renewed token " + id + " of " + kind + " " + name;
        }
    }

    /** Read again when it changes. */
    public Watch<List<Entry>> watch() throws StateException {
        return new Watch<>(store, DOCUMENT, () -> List.copyOf(lines.read()));
    }

    /**
     * Has one wait, in the place of an earlier one for the same holder.
     *
     * @throws IllegalArgumentException if too many wait
     */
    public void add(Entry entry) throws StateException {
        lines.change(all -> {
            Instant now = clock.instant();
            Entry added = entry;
            for (Entry one : all) {
                added = one.isOfHolder(entry) ? added.inPlaceOf(one) : added;
            }
            all.removeIf(one -> one.isOfHolder(entry) || one.expires.isBefore(now));
            all.add(added);
            if (all.size() > MAX) {
                throw new IllegalArgumentException("more than " + MAX
                        + " renewed tokens wait for their holders: renew the others when these have them");
            }
            return all;
        });
    }

    /** Takes out those that were revoked, or that renew one that was: no gateway hands them over. */
    public void forget(Revocations revocations) throws StateException {
        lines.change(all -> all.removeIf(one -> one.isRevoked(revocations)) ? all : null);
    }

    /**
     * Its holder has it.
     *
     * @return whether it still waited
     */
    public boolean remove(String id) throws StateException {
        return lines.change(all -> all.removeIf(one -> one.id.equals(id)) ? all : null);
    }
}
