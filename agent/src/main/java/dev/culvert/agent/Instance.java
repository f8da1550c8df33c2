package dev.culvert.agent;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.tunnel.frame.Announcement;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process, as gateways tell it from others of its agent, and those before it that have ended: it says so, and clients that
 * hold flows for them need not go on asking.
 *
 * <p>The state directory has a document for each agent's name, with the ids of its processes, the oldest first. One that runs has
 * a place, which it has claimed: a claim ends with its process, however that ends, so an id whose place can be claimed is a dead
 * one's. Dead ones stay noted when they have been told of: clients may come back later than the next process, or another gateway.
 */
final class Instance implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Instance.class);

    /** Processes of one agent that run at once in one directory and are noted; more than one is rare. */
    static final int PLACES = 16;

    /** Of those that have ended the last ones: what an announcement takes. Each start adds one. */
    static final int ENDED = Announcement.Agent.MAX_REPLACES;

    /** All lines have half of that. */
    private static final int MAX_SIZE = 4_096;

    /** The place of one that runs, or a hyphen, and the id. What does not look so is none of ours. */
    private static final Pattern LINE = Pattern.compile("(-|\\d{1,2}) ([0-9a-f-]{36})");

    /** @param place -1 when it is known to have ended */
    private record Noted(int place, String id) {
        @Override
        public String toString() {
            return (place < 0 ? "-" : place) + " " + id + "\n";
        }
    }

    private final String id;
    private final List<String> replaces;
    private final @Nullable Closeable claim;

    private Instance(String id, List<String> replaces, @Nullable Closeable claim) {
        this.id = id;
        this.replaces = replaces;
        this.claim = claim;
    }

    /** One that nobody will know of when it has ended. */
    static Instance unnoted() {
        return new Instance(newId(), List.of(), null);
    }

    /**
     * Notes this process, and looks which others have ended. Where nothing can be written it does without. Blocks.
     *
     * @param directory the agent's state
     * @param agent whose processes it is one of
     */
    static Instance noted(Supplier<Path> directory, String agent) {
        try {
            FileStore store = new FileStore(directory.get());
            store.createDirectory();
            return store.locked(() -> note(store, "instances-" + agent));
        } catch (StateException | InvalidPathException e) {
            log.info("should this agent be killed, its flows would hang instead of ending: {}", e.getMessage());
            return unnoted();
        }
    }

    /** While no other does the same. */
    private static Instance note(Store store, String name) throws StateException {
        Document document = new Document(name, true, MAX_SIZE);
        List<Noted> before = read(store.get(document));
        Set<Integer> running = new HashSet<>();
        Closeable own = null;
        int place = -1;
        try {
            for (int p = 0; p < PLACES; p++) {
                int looked = p;
                if (own != null && before.stream().noneMatch(n -> n.place() == looked)) {
                    continue;
                }
                Closeable claim = store.claim(name + "." + p);
                if (claim == null) {
                    running.add(p);
                } else if (own == null) {
                    own = claim;
                    place = p;
                } else {
                    close(claim);
                }
            }
            Instance made = new Instance(newId(), ended(before, running), own);
            if (own == null) {
                log.info(
                        "should this agent be killed, its flows would hang instead of ending: {} others like it run here",
                        PLACES);
            } else {
                store.put(document, text(made, before, running, place));
            }
            return made;
        } catch (StateException e) {
            close(own);
            throw e;
        }
    }

    private static List<Noted> read(@Nullable String text) {
        List<Noted> noted = new ArrayList<>();
        (text == null ? "" : text).lines().forEach(line -> {
            Matcher m = LINE.matcher(line);
            if (m.matches()) {
                noted.add(new Noted(m.group(1).equals("-") ? -1 : Integer.parseInt(m.group(1)), m.group(2)));
            }
        });
        return noted;
    }

    private static List<String> ended(List<Noted> noted, Set<Integer> running) {
        List<String> all = noted.stream()
                .filter(n -> !running.contains(n.place()))
                .map(Noted::id)
                .toList();
        return List.copyOf(all.subList(Math.max(0, all.size() - ENDED), all.size()));
    }

    private static String text(Instance made, List<Noted> before, Set<Integer> running, int place) {
        StringBuilder text = new StringBuilder();
        for (Noted n : before) {
            if (running.contains(n.place())) {
                text.append(n);
            } else if (made.replaces.contains(n.id())) {
                text.append(new Noted(-1, n.id()));
            }
        }
        return text.append(new Noted(place, made.id)).toString();
    }

    private static String newId() {
        return UUID.randomUUID().toString();
    }

    /** What gateways know this process by. */
    String id() {
        return id;
    }

    /** Processes of the same agent that ended before this one began, the last of them last. */
    List<String> replaces() {
        return replaces;
    }

    /** Whoever comes next may say that this process has ended. */
    @Override
    public void close() {
        close(claim);
    }

    private static void close(@Nullable Closeable claim) {
        try {
            if (claim != null) {
                claim.close();
            }
        } catch (IOException e) {
            log.debug("giving up a place: {}", e.getMessage());
        }
    }
}
