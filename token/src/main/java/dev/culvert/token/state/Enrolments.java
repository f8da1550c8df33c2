package dev.culvert.token.state;

import dev.culvert.token.Token;
import dev.culvert.token.TokenFields;
import dev.culvert.token.sign.TokenVerifier;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Clock;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which key each enrolled token is bound to: the file {@code enrolments} of a gateway's state directory, a line a token:
 *
 * <pre>
 * TOKEN-ID KEY-THUMBPRINT EXPIRY-IN-EPOCH-SECONDS
 * </pre>
 *
 * A line is on disk before {@link #enrol} returns. Lines are only added, under the directory's lock, so that of two keys
 * one is first even when two gateways share the directory; a line cut by a crash is dropped and overwritten. Opening
 * leaves tokens out that have expired for good. Blocks; for any thread but an event loop's.
 */
public final class Enrolments {
    private static final String FILE = "enrolments";

    /** A million tokens; a bigger file is none of ours. */
    private static final int MAX_SIZE = 128 << 20;

    private final StateFiles files;
    private final Map<String, String> keys = new HashMap<>();

    /** How much of the file has been read: up to the end of its last whole line. */
    private long read;

    /** Which file that was: compaction puts another in its place. */
    private @Nullable Object identity;

    private Enrolments(StateFiles files) {
        this.files = files;
    }

    /**
     * Reads what is there.
     *
     * @throws StateException if it cannot be read, or holds something else
     */
    public static Enrolments open(Path directory, Clock clock) throws StateException {
        StateFiles files = new StateFiles(directory);
        Enrolments store = new Enrolments(files);
        // Where nothing was enrolled nothing need be written: the directory may be read-only, as in a container.
        if (files.exists(FILE)) {
            files.locked(() -> {
                store.compact(clock.instant());
                return true;
            });
        }
        return store;
    }

    /**
     * Binds the token to the key, if it is not bound to another one.
     *
     * @return the thumbprint of the key that it is bound to: this one, or the one that was first
     * @throws StateException if it could not be written: then it is not bound
     */
    public synchronized String enrol(Token token, String thumbprint) throws StateException {
        String known = keys.get(token.id());
        if (known != null) {
            return known;
        }
        return files.locked(() -> {
            try (FileChannel file = open()) {
                readOn(file);
                String first = keys.get(token.id());
                if (first != null) {
                    return first;
                }
                append(
                        file,
                        token.id() + ' ' + thumbprint + ' ' + token.expires().getEpochSecond() + '\n');
                keys.put(token.id(), thumbprint);
                return thumbprint;
            } catch (IOException e) {
                throw files.unwritable(FILE, e);
            }
        });
    }

    /** The key that the token is bound to; null when it is not, as far as this file says. */
    public synchronized @Nullable String keyOf(Token token) throws StateException {
        String known = keys.get(token.id());
        if (known != null) {
            return known;
        }
        files.locked(() -> {
            try (FileChannel file = open()) {
                readOn(file);
                return true;
            } catch (IOException e) {
                throw files.unwritable(FILE, e);
            }
        });
        return keys.get(token.id());
    }

    private FileChannel open() throws IOException {
        return files.open(FILE, Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE));
    }

    private void append(FileChannel file, String line) throws IOException {
        file.truncate(read); // the rest of a line that a crash has cut
        ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.US_ASCII));
        long at = read;
        while (bytes.hasRemaining()) {
            at += file.write(bytes, at);
        }
        file.force(true);
        read = at;
    }

    private void compact(Instant now) throws StateException {
        try (FileChannel file = open()) {
            String text = rest(file);
            StringBuilder kept = new StringBuilder();
            text.lines().forEach(line -> {
                String[] parts = line.split(" ", -1);
                Instant expires = Instant.ofEpochSecond(Long.parseLong(parts[2]));
                // Expired tokens are refused in any case; the margin is for a clock that was set wrong for a while.
                if (now.isBefore(expires.plus(TokenVerifier.CLOCK_SKEW.multipliedBy(60)))) {
                    kept.append(line).append('\n');
                }
            });
            if (kept.length() != text.length()) {
                files.write(FILE, kept.toString(), true);
            }
            read = 0;
            keep(kept.toString());
            identity = identityOf();
        } catch (IOException | RuntimeException e) {
            throw files.corrupt(FILE, "cannot be read", e);
        }
    }

    private void readOn(FileChannel file) throws IOException, StateException {
        Object now = identityOf();
        if (!Objects.equals(now, identity) || file.size() < read) {
            identity = now; // another gateway has left out what has expired
            read = 0;
        }
        try {
            keep(rest(file));
        } catch (RuntimeException e) {
            throw files.corrupt(FILE, "holds something else than enrolments", e);
        }
    }

    /** The inode, where there are any. */
    private @Nullable Object identityOf() throws IOException {
        return Files.readAttributes(files.path(FILE), BasicFileAttributes.class).fileKey();
    }

    /** Whole lines behind what has been read. */
    private String rest(FileChannel file) throws IOException {
        long length = file.size() - read;
        if (length > MAX_SIZE) {
            throw new IOException(length + " bytes");
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) length);
        long at = read;
        for (int n; bytes.hasRemaining() && (n = file.read(bytes, at)) >= 0; at += n) {}
        String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
        return text.substring(0, text.lastIndexOf('\n') + 1);
    }

    private void keep(String lines) {
        lines.lines().forEach(line -> {
            String[] parts = line.split(" ", -1);
            TokenFields.id(parts[0]);
            TokenFields.sha256("key thumbprint", parts[1]);
            keys.putIfAbsent(parts[0], parts[1]);
        });
        read += lines.length();
    }
}
