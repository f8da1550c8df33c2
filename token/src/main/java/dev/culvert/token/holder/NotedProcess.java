package dev.culvert.token.holder;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This process of an agent or a client, and those before it that have ended: it says so, and nobody goes on holding flows for them.
 *
 * <p>The state directory has a document for each holder's name, with what its processes are known by, the oldest first. One that
 * runs has a place, which it has claimed: a claim ends with its process, however that ends, so an id whose place can be claimed is
 * a dead one's. Dead ones stay noted when they have been told of: who holds flows for them may be away until the next process, or
 * at another gateway.
 */
public final class NotedProcess implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(NotedProcess.class);

    /** Processes of one holder that run at once in one directory and are noted; more than one is rare. */
    static final int PLACES = 16;

    /** All lines have half of that. */
    private static final int MAX_SIZE = 4_096;

    /** The place of one that runs, or a hyphen, and the id. What does not look so is none of ours. */
    private static final Pattern LINE = Pattern.compile("(-|\\d{1,2}) ([0-9a-f-]{32,36})");

    /** @param place -1 when it is known to have ended */
    private record Noted(int place, String id) {
        @Override
        public String toString() {
            return (place < 0 ? "-" : place) + " " + id + "\n";
        }
    }

    /**
     * Of which processes it is one.
     *
     * @param document where they are noted
     * @param ended how many of those that have ended are; each start adds one
     */
    public record Kin(String document, int ended) {}

    private final List<String> ended;
    private final @Nullable Closeable claim;
    private final String trouble;

    private NotedProcess(List<String> ended, @Nullable Closeable claim, String trouble) {
        this.ended = ended;
        this.claim = claim;
        this.trouble = trouble;
    }

    /** One that nobody will know of when it has ended. */
    public static NotedProcess unnoted() {
        return new NotedProcess(List.of(), null, "");
    }

    /**
     * Notes this process, and looks which others have ended. Where nothing can be written it does without. Blocks.
     *
     * @param directory the program's state
     * @param id what this process is known by: 32 to 36 of hexadecimal digits and hyphens
     */
    public static NotedProcess noted(Supplier<Path> directory, Kin kin, String id) {
        try {
            FileStore store = new FileStore(directory.get());
            store.createDirectory();
            return store.locked(() -> note(store, kin, id));
        } catch (StateException | InvalidPathException e) {
            return new NotedProcess(List.of(), null, String.valueOf(e.getMessage()));
        }
    }

    /** While no other does the same. */
    private static NotedProcess note(Store store, Kin kin, String id) throws StateException {
        Document document = new Document(kin.document, true, MAX_SIZE);
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
                Closeable claim = store.claim(kin.document + "." + p);
                if (claim == null) {
                    running.add(p);
                } else if (own == null) {
                    own = claim;
                    place = p;
                } else {
                    close(claim);
                }
            }
            NotedProcess made = new NotedProcess(
                    ended(before, running, kin.ended), own, own != null ? "" : PLACES + " others like it run here");
            if (own != null) {
                store.put(document, made.text(before, running, new Noted(place, id)));
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

    private static List<String> ended(List<Noted> noted, Set<Integer> running, int most) {
        List<String> all = noted.stream()
                .filter(n -> !running.contains(n.place()))
                .map(Noted::id)
                .toList();
        return List.copyOf(all.subList(Math.max(0, all.size() - most), all.size()));
    }

    private String text(List<Noted> before, Set<Integer> running, Noted own) {
        StringBuilder text = new StringBuilder();
        for (Noted n : before) {
            if (running.contains(n.place())) {
                text.append(n);
            } else if (ended.contains(n.id())) {
                text.append(new Noted(-1, n.id()));
            }
        }
        return text.append(own).toString();
    }

    /** What its kin that ended before it began was known by, the last of them last. */
    public List<String> ended() {
        return ended;
    }

    /** Why it could not be noted, for people; empty when it was. */
    public String trouble() {
        return trouble;
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
