package dev.culvert.gateway.certificate.acme;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.token.sign.VerificationKey;
import java.io.Closeable;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is kept of certificates, all of it secret:
 *
 * <pre>
 * acme.json               {@link Ledger}
 * acme-NAME.json          {@link NameRecord}; of a wildcard acme_NAME.json
 * acme-account-HASH.json  the account at an authority, by its directory's URL
 * acme-challenges.json    {@link PublishedChallenges}
 * </pre>
 *
 * Gateways that share the store take turns at orders, by {@link #claim}.
 */
final class AcmeStore {
    /** What was asked for in a week, of a thousand names. */
    private static final int MAX_LEDGER = 1 << 20;

    /** Longer names are hashed: names of files have 255 bytes at most, with what is put around them. */
    private static final int MAX_NAME = 100;

    private static final Document LEDGER = new Document("acme.json", true, MAX_LEDGER);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Store store;

    AcmeStore(Store store) {
        this.store = store;
    }

    Store store() {
        return store;
    }

    /** The turn at orders; null if it is another gateway's. */
    @Nullable
    Closeable claim() throws StateException {
        return store.claim("acme");
    }

    private static String sha256(String text) {
        return HexFormat.of().formatHex(VerificationKey.sha256(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static Document document(String name) {
        boolean wildcard = name.startsWith("*.");
        String plain = (wildcard ? name.substring(2) : name).replace(':', '-');
        return Document.secret(
                (wildcard ? "acme_" : "acme-") + (plain.length() > MAX_NAME ? sha256(plain) : plain) + ".json");
    }

    NameRecord read(String name) throws StateException {
        Document document = document(name);
        String text = store.get(document);
        if (text == null) {
            return NameRecord.of(name);
        }
        NameRecord record;
        try {
            record = NameRecord.parse(text);
        } catch (RuntimeException e) {
            throw unusable(document, e);
        }
        if (!record.name().equals(name)) {
            throw unusable(document, new IllegalArgumentException("of another name"));
        }
        return record;
    }

    private StateException unusable(Document document, RuntimeException e) {
        return new StateException(
                store.where(document)
                        + " cannot be understood: restore it from a backup, or delete it, and it is made anew",
                e);
    }

    void write(NameRecord record) throws StateException {
        store.put(document(record.name()), record.text());
    }

    /** Another one each time that the record was written. */
    @Nullable
    String version(String name) throws StateException {
        return store.version(document(name));
    }

    Ledger ledger() throws StateException {
        return parse(store.get(LEDGER));
    }

    private Ledger parse(@Nullable String text) throws StateException {
        try {
            return Ledger.parse(text);
        } catch (RuntimeException e) {
            throw unusable(LEDGER, e);
        }
    }

    /** Changes it; the changed one. */
    Ledger ledger(Consumer<Ledger> change) throws StateException {
        Ledger[] changed = new Ledger[1];
        store.update(LEDGER, text -> {
            Ledger ledger = parse(text);
            change.accept(ledger);
            changed[0] = ledger;
            String next = ledger.text();
            return next.equals(text) ? null : next;
        });
        return changed[0];
    }

    /**
     * The key of the account at an authority, made at the first call.
     *
     * @param directory the authority's
     */
    KeyPair accountKey(String directory) throws StateException {
        Document document = Document.secret("acme-account-" + sha256(directory).substring(0, 16) + ".json");
        String text = store.get(document);
        if (text == null) {
            KeyPair made = Keys.generate();
            ObjectNode out = JSON.createObjectNode().put("directory", directory);
            Keys.write(made, out);
            store.compareAndSet(document, null, JSON.writeValueAsString(out) + "\n");
            text = store.require(document); // another's, if that was first
        }
        try {
            JsonNode in = JSON.readTree(text);
            return Keys.read(in);
        } catch (RuntimeException e) {
            throw unusable(document, e);
        }
    }
}
