package dev.culvert.gateway.certificate.acme;

import dev.culvert.store.Document;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;

/** A store without a disk, for weeks of frozen time. Of documents and claims only. */
@NullUnmarked
final class MemoryStore implements Store {
    private final Map<String, String> texts = new HashMap<>();
    private final Map<String, Integer> versions = new HashMap<>();
    private final Set<String> claims = new HashSet<>();

    /** The process ends here, without a word. */
    static final class Killed extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** Writings so far. */
    int writes;

    /** Before which of them the process dies; none by default. */
    int diesAt = Integer.MAX_VALUE;

    @Override
    public String get(Document document) {
        return texts.get(document.name());
    }

    @Override
    public String require(Document document) {
        return texts.get(document.name());
    }

    @Override
    public boolean exists(Document document) {
        return texts.containsKey(document.name());
    }

    @Override
    public void put(Document document, String text) {
        if (writes++ == diesAt) {
            throw new Killed();
        }
        if (!document.secret() || text.length() > document.maxSize()) {
            throw new AssertionError(document.name() + " is open or too long");
        }
        texts.put(document.name(), text);
        versions.merge(document.name(), 1, Integer::sum);
    }

    @Override
    public boolean update(Document document, Change change) throws StateException {
        String next = change.of(get(document));
        if (next != null) {
            put(document, next);
        }
        return next != null;
    }

    @Override
    public String version(Document document) {
        Integer version = versions.get(document.name());
        return version == null ? null : version.toString();
    }

    @Override
    public Register register(String name, Instant forget, Register.Check check) {
        throw new UnsupportedOperationException();
    }

    @Override
    public List<String> documents() {
        return List.copyOf(texts.keySet());
    }

    @Override
    public List<Register.Binding> bindings(String register) {
        return List.of();
    }

    @Override
    public <T> T locked(Action<T> action) throws StateException {
        return action.run();
    }

    @Override
    public Closeable claim(String name) {
        return claims.add(name) ? () -> claims.remove(name) : null;
    }

    @Override
    public String where(Document document) {
        return document.name();
    }

    @Override
    public StateException corrupt(Document document, String what, Throwable cause) {
        return new StateException(document.name() + " " + what, cause);
    }
}
