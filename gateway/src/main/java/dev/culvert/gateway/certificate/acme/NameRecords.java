package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.store.StateException;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The records and the ledger as they were last read from the store, or written to it. Reading what is here may be any thread's;
 * all that blocks is the work's thread's.
 */
final class NameRecords {
    private static final Logger log = LoggerFactory.getLogger(NameRecords.class);

    private final AcmeStore store;
    private final Map<String, NameRecord> records = new ConcurrentHashMap<>();
    private final Map<String, String> versions = new HashMap<>();
    private volatile Map<String, Certificate> certificates = Map.of();
    private volatile Ledger ledger = Ledger.parse(null);

    NameRecords(AcmeStore store) {
        this.store = store;
    }

    /** Reads what was obtained before. Blocks. */
    void load() throws StateException {
        ledger = store.ledger();
        for (String name : ledger.names()) {
            try {
                reload(name);
            } catch (StateException e) {
                log.warn("{}", e.getMessage()); // the others must not wait for it
            }
        }
        show();
    }

    /** That of a name, else of the wildcard that holds it. */
    @Nullable
    Certificate find(String serverName) {
        return Certificate.find(certificates, serverName);
    }

    /** What is known of a name, in the compared form; null if nothing. */
    @Nullable
    NameRecord find(String name, boolean orItsWildcard) {
        NameRecord record = records.get(name);
        String wildcard = Certificate.wildcardOf(name);
        return record == null && orItsWildcard && wildcard != null ? records.get(wildcard) : record;
    }

    /** The same, empty if nothing is known. */
    NameRecord known(String name) {
        NameRecord record = records.get(name);
        return record == null ? NameRecord.of(name) : record;
    }

    /** As it was last read; nobody changes it. */
    Ledger ledger() {
        return ledger;
    }

    /** Reads it again. Blocks. */
    void refreshLedger() throws StateException {
        ledger = store.ledger();
    }

    /** Changes it. Blocks. */
    void ledger(Consumer<Ledger> change) throws StateException {
        ledger = store.ledger(change);
    }

    /**
     * Reads a record, if it never was, or if another gateway has written it. Blocks.
     *
     * @param looks whether to ask for what others have written
     * @return whether it was read
     */
    boolean refresh(String name, boolean looks) throws StateException {
        if (records.containsKey(name) && (!looks || Objects.equals(versions.get(name), store.version(name)))) {
            return false;
        }
        reload(name);
        return true;
    }

    /** Reads a record. Blocks. */
    NameRecord reload(String name) throws StateException {
        String version = store.version(name); // before it is read: what changes meanwhile is read again
        NameRecord record = store.read(name);
        if (version == null) {
            versions.remove(name);
        } else {
            versions.put(name, version);
        }
        records.put(name, record);
        return record;
    }

    /** Writes a record. Blocks. */
    NameRecord save(NameRecord record) throws StateException {
        store.write(record);
        records.put(record.name(), record);
        return record;
    }

    /** Gives out the certificates of the records as they are now. */
    void show() {
        Map<String, Certificate> next = new HashMap<>();
        records.forEach((name, record) -> {
            if (record.certificate() != null) {
                next.put(name, record.certificate());
            }
        });
        certificates = Map.copyOf(next);
    }
}
