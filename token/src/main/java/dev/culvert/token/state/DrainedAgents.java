package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import java.util.Collection;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Agents that get no new flows for the time being, because somebody works on them: the document {@code drained}, with a line for each,
 * {@code NAME} or {@code NAME/INSTANCE}. All gateways with this store go by it. Blocks; for any thread but an event loop's.
 */
public final class DrainedAgents {
    /** More are not worked on at a time; so many fit the document. */
    public static final int MAX = 1_000;

    private static final Document DOCUMENT = Document.open("drained");

    /** What a token's name and an agent's instance may be, and no space. */
    private static final Pattern ENTRY = Pattern.compile("[^\\s\\p{Cntrl}/]{1,255}(/[A-Za-z0-9._-]{1,64})?");

    private final Store store;

    DrainedAgents(Store store) {
        this.store = store;
    }

    /**
     * Which they are.
     *
     * @param entries each an agent's name, or that with one of its instances
     */
    public record Content(Set<String> entries) {
        public Content {
            entries = Set.copyOf(entries);
        }

        /** Whether the instance is among them, by itself or with all of its agent's. */
        public boolean holds(String agent, @Nullable String instance) {
            return !entries.isEmpty() && (entries.contains(agent) || entries.contains(agent + "/" + instance));
        }
    }

    /** Read again when it changes. */
    public Watch<Content> watch() throws StateException {
        return new Watch<>(store, DOCUMENT, this::read);
    }

    /** What it says now. */
    public Content read() throws StateException {
        return new Content(parse(store.get(DOCUMENT)));
    }

    /**
     * Adds one.
     *
     * @param entry an agent's name, or that, a slash and an instance
     * @return whether it was not there
     * @throws IllegalArgumentException if it is none, or there are too many
     */
    public boolean add(String entry) throws StateException {
        require(entry);
        return store.update(DOCUMENT, before -> {
            Set<String> all = parse(before);
            if (!all.add(entry)) {
                return null;
            }
            if (all.size() > MAX) {
                throw new IllegalArgumentException("more than " + MAX + " agents are drained; resume some");
            }
            return text(all);
        });
    }

    /**
     * Takes one out; of an agent's name also all of its instances.
     *
     * @return whether any was there
     * @throws IllegalArgumentException if it is no entry
     */
    public boolean remove(String entry) throws StateException {
        require(entry);
        return store.update(DOCUMENT, before -> {
            Set<String> all = parse(before);
            return all.removeIf(one -> one.equals(entry) || one.startsWith(entry + "/")) ? text(all) : null;
        });
    }

    private static void require(String entry) {
        if (!ENTRY.matcher(entry).matches()) {
            throw new IllegalArgumentException("'" + entry + "' is neither an agent's name nor NAME/INSTANCE");
        }
    }

    private Set<String> parse(@Nullable String text) throws StateException {
        Set<String> all = new TreeSet<>();
        if (text != null) {
            for (String line : text.split("\n")) {
                String entry = line.strip();
                if (!entry.isEmpty() && !ENTRY.matcher(entry).matches()) {
                    throw new StateException(store.where(DOCUMENT)
                            + " has a line that is neither an agent's name nor NAME/INSTANCE: take it out");
                }
                if (!entry.isEmpty()) {
                    all.add(entry);
                }
            }
        }
        return all;
    }

    private static String text(Collection<String> entries) {
        StringBuilder text = new StringBuilder();
        entries.forEach(e -> text.append(e).append('\n'));
        return text.toString();
    }
}
