package dev.culvert.agent;

import dev.culvert.policy.AgentPublications;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.publication.PublicPlaces;
import dev.culvert.policy.publication.Publication;
import dev.culvert.text.FileError;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the agent publishes by a file, beside what its options say. The file is read again and again, on a thread of its own; what
 * is wrong changes nothing.
 */
final class PublicationsFile implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PublicationsFile.class);

    /** 256 publications with their certificates have less; and it is read each time. */
    static final int MAX_BYTES = 1 << 20;

    /** It counts once it has been the same twice, so that none is read that is being written. */
    private static final long TICK_MILLIS = 1_000;

    private final Path file;
    private final List<Publication> options;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("agent-publications", true));

    // Used by the thread only, once it runs.
    private byte @Nullable [] seen;
    private byte @Nullable [] loaded;
    private String complaint = "";

    /** @param options what the command line says, which the file cannot take back */
    PublicationsFile(Path file, List<Publication> options) {
        this.file = file;
        this.options = options;
    }

    /**
     * What is published, options first.
     *
     * @throws IOException with one line for people
     */
    List<Publication> load() throws IOException {
        byte[] bytes = read();
        List<Publication> out = parse(bytes);
        seen = bytes;
        loaded = bytes;
        return out;
    }

    /** Calls {@code changed}, on a thread of its own, each time that the file says something else. */
    void watch(Consumer<List<Publication>> changed) {
        thread.scheduleWithFixedDelay(() -> look(changed, false), TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Reads it soon, at rest or not. From any thread. */
    void lookSoon(Consumer<List<Publication>> changed) {
        try {
            thread.execute(() -> look(changed, true));
        } catch (RejectedExecutionException e) {
            log.debug("closing: nothing is looked at any more");
        }
    }

    /** @param asked whether somebody wants to hear of it in any case */
    void look(Consumer<List<Publication>> changed, boolean asked) {
        try {
            byte[] now = read();
            boolean rests = Arrays.equals(now, seen);
            seen = now;
            if (asked || rests && !Arrays.equals(now, loaded)) {
                loaded = now; // wrong or not, it is told once
                List<Publication> next = parse(now);
                log.info("{} publications by {} and options", next.size(), file);
                changed.accept(next);
                complaint = "";
            }
        } catch (IOException | RuntimeException e) { // thrown out of here, it would end the looks for good
            String text = String.valueOf(e.getMessage());
            if (asked || !text.equals(complaint)) {
                complaint = text;
                log.warn("publications not loaded, the old ones stay: {}", text);
            }
        }
    }

    private byte[] read() throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new IOException(file + ": it is no regular file; put one there"); // to open a pipe waits
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new IllegalArgumentException(file + ": it has more than " + MAX_BYTES
                        + " bytes, which is no file of" + " publications; name another");
            }
            return bytes;
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        } catch (IOException e) {
            throw new IOException(
                    file + ": cannot be read (" + FileError.reason(e) + "); "
                            + FileError.cure(e, "let whom the agent runs as read it"),
                    e);
        }
    }

    private List<Publication> parse(byte[] bytes) throws IOException {
        List<Publication> fromFile;
        try {
            fromFile = AgentPublications.parse(StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString());
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": it is not UTF-8; save it as such", e);
        } catch (PolicyException e) {
            int more = e.errors().size() - 1;
            throw new IOException(
                    e.errors().get(0).in(file.toString()) + (more == 0 ? "" : " (and " + more + " more)"), e);
        }
        try {
            return joined(options, fromFile);
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    /**
     * Both lists as one.
     *
     * @throws IllegalArgumentException with one line, when they cannot both be
     */
    static List<Publication> joined(List<Publication> options, List<Publication> more) {
        PublicPlaces<Publication> places = new PublicPlaces<>();
        List<Publication> out = new ArrayList<>(options);
        out.addAll(more);
        for (Publication one : out) {
            Publication other = places.inTheWay(one);
            if (other != null) {
                throw new IllegalArgumentException("'" + one.at() + "' is published twice, to " + one.to() + " and "
                        + other.to() + "; leave one out");
            }
            places.take(one, one);
        }
        if (out.size() > Publication.MAX_OF_AGENT) {
            throw new IllegalArgumentException("there are " + out.size() + " publications: an agent has at most "
                    + Publication.MAX_OF_AGENT + "; use wildcards, or another agent");
        }
        return List.copyOf(out);
    }

    @Override
    public void close() {
        thread.shutdown();
    }
}
