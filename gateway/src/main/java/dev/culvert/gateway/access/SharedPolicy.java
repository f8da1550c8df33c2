package dev.culvert.gateway.access;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The policy of gateways that share a store: the document {@code policy.yaml}, whose first line, a comment, says which version it is. Each
 * one that is pushed has the next number, and of two that are pushed at once one is refused. Blocks.
 */
public final class SharedPolicy implements PolicySource {
    private static final Document DOCUMENT = new Document(PolicyFile.NAME, false, PolicyFile.MAX_BYTES);

    /** Written by {@link Pushed#text}; whoever pulls a policy gets it, and pushes it again with what has been changed. */
    private static final Pattern HEAD = Pattern.compile("# culvert policy version (\\d{1,18}), [^\\r\\n]*\\r?\\n");

    private static final int MAX_NAME = 64;

    private final Store store;

    public SharedPolicy(Store store) {
        this.store = store;
    }

    /**
     * Where a gateway's is.
     *
     * @param file named by whoever starts it; null if none was
     * @param state its directory
     * @param store what it shares; null if that is the directory, or another on this machine
     * @throws StateException if there is one that would not be read
     */
    public static PolicySource choose(@Nullable Path file, Path state, @Nullable Store store) throws StateException {
        Path usual = state.resolve(PolicyFile.NAME);
        if (store == null) {
            return PolicySource.of(file == null ? usual : file);
        }
        if (file != null) {
            throw new StateException("--policy " + file + ": gateways on one store have one policy, which is there:"
                    + " gateway policy push " + file + " (with the same --store), and leave the option out");
        }
        if (Files.exists(usual)) {
            throw new StateException(usual + " is not read: gateways on one store have one policy, which is there:"
                    + " gateway policy push " + usual + " (with the same --store), and then move the file away");
        }
        return new SharedPolicy(store);
    }

    /**
     * A version of it.
     *
     * @param text all of it, with the line that says the version
     */
    public record Pushed(long version, String text) {
        /** In hexadecimal digits; what sha256sum(1) says of one that was pulled. */
        public String sha256() {
            return PolicyFile.sha256(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Somebody else has pushed one meanwhile. */
    public static final class ChangedException extends IOException {
        private static final long serialVersionUID = 1;

        ChangedException(String message) {
            super(message);
        }
    }

    /** Which version a text was pulled as; null if it does not say. */
    public static @Nullable Long versionOf(String text) {
        Matcher head = HEAD.matcher(text);
        return head.lookingAt() ? Long.valueOf(head.group(1)) : null;
    }

    private static String body(String text) {
        return HEAD.matcher(text).lookingAt() ? HEAD.matcher(text).replaceFirst("") : text;
    }

    /** What is there; null when nothing is. One that was not pushed, but copied from the directory of a single gateway, is version 0. */
    public @Nullable Pushed read() throws StateException {
        return parse(store.get(DOCUMENT));
    }

    private static @Nullable Pushed parse(@Nullable String text) {
        return text == null ? null : new Pushed(Objects.requireNonNullElse(versionOf(text), 0L), text);
    }

    /**
     * Puts a policy there that has been checked.
     *
     * @param text what it shall say; a head that it has is put aside
     * @param expected the version that is there, as the caller knows; 0 for none
     * @param by who does it, for people
     * @return the version that says so: the one that was there, if that does
     * @throws ChangedException if another version is there
     */
    public Pushed push(String text, long expected, String by, Instant now) throws IOException {
        Pushed[] result = {null};
        long[] found = {0};
        store.update(DOCUMENT, before -> {
            Pushed there = parse(before);
            found[0] = there == null ? 0 : there.version;
            result[0] = null;
            // Before all else: the answer to one's own push may have been lost.
            if (there != null && body(there.text).equals(body(text))) {
                result[0] = there;
                return null;
            }
            if (found[0] != expected) {
                return null;
            }
            result[0] = headed(expected + 1, text, by, now);
            return result[0].text;
        });
        if (result[0] == null) {
            throw new ChangedException(where() + " is version " + found[0] + " now, and what was pushed was made of "
                    + (expected == 0 ? "none" : "version " + expected)
                    + ": gateway policy pull it, put your change in, and push again");
        }
        return result[0];
    }

    private static Pushed headed(long version, String text, String by, Instant now) {
        return new Pushed(
                version,
                "# culvert policy version " + version + ", pushed " + now.truncatedTo(ChronoUnit.SECONDS) + " by "
                        + Printable.shorten(by, MAX_NAME) + "\n" + body(text));
    }

    /**
     * Puts a policy in the place of one that nobody can read, and of which therefore nobody knows which version it was: the new one's number
     * is the time in seconds, above all that were pushed before.
     *
     * @param text see {@link #push}
     */
    public Pushed replace(String text, String by, Instant now) throws StateException {
        Pushed made = headed(now.getEpochSecond(), text, by, now);
        store.put(DOCUMENT, made.text);
        return made;
    }

    @Override
    public String where() {
        return store.where(DOCUMENT);
    }

    @Override
    public @Nullable Stamp stamp() throws StateException {
        String version = store.version(DOCUMENT);
        return version == null ? null : new Version(version);
    }

    private record Version(String text) implements Stamp {
        @Override
        public String version(Instant now) {
            return text;
        }
    }

    @Override
    public boolean isWhole() {
        return true;
    }

    @Override
    public PolicyFile.Loaded load(SensitiveAddresses sensitive) throws IOException {
        Pushed there = read();
        if (there == null) {
            throw new StateException(
                    where() + " is gone: gateway policy push FILE (with the same --store) puts one there");
        }
        return PolicyFile.load(where(), there.text.getBytes(StandardCharsets.UTF_8), there.version, sensitive);
    }
}
