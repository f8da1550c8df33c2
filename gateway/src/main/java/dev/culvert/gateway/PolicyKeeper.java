package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.token.FileStamp;
import dev.culvert.token.SensitiveAddresses;
import dev.culvert.token.policy.Policy;
import dev.culvert.token.policy.PolicySnapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the policy in force what its file says and the clock: looks at both twice a second, on a thread of its own. A file
 * that is wrong changes nothing, and neither does one that vanishes.
 */
final class PolicyKeeper implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PolicyKeeper.class);

    /** A file counts once it has been the same for so long, so that none is read that is being written. */
    static final long TICK_MILLIS = 500;

    private final Path file;
    private final Loader loader;
    private final LinkRegistry registry;
    private final Clock clock;
    private final ScheduledExecutorService thread;

    // Used on the thread only, once it runs.
    private @Nullable FileStamp loaded;
    private @Nullable FileStamp seen;
    private @Nullable Policy policy;
    private @Nullable PolicySnapshot snapshot;
    private Instant compiledAt = Instant.MIN;
    private Instant loadedAt = Instant.MIN;
    private boolean missing;
    private String complaint = "";

    /** Reads the file. */
    interface Loader {
        Policy load() throws IOException;
    }

    PolicyKeeper(Path file, LinkRegistry registry, Clock clock) {
        this(file, registry, clock, () -> PolicyFile.load(file, registry.sensitive()));
    }

    PolicyKeeper(Path file, LinkRegistry registry, Clock clock, Loader loader) {
        this.loader = loader;
        this.file = file;
        this.registry = registry;
        this.clock = clock;
        this.thread = Executors.newSingleThreadScheduledExecutor(r -> {
            Thread t = new Thread(r, "gateway-policy");
            t.setDaemon(true);
            return t;
        });
    }

    /**
     * Puts the file in force, if there is one.
     *
     * @param required whether it must be there
     * @throws IOException with one line for people, when it is not in order
     */
    void start(boolean required) throws IOException {
        Instant at = Instant.now();
        FileStamp now = FileStamp.of(file);
        if (now != null || required) {
            use(loader.load());
            loaded = now;
            seen = now;
            loadedAt = at;
        } else {
            log.info("no policy file {}: the tokens' grants alone decide", file);
        }
    }

    /** Looks from now on. */
    void watch() {
        thread.scheduleWithFixedDelay(this::tick, TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Reads the file soon, changed or not. From any thread. */
    void reloadSoon() {
        try {
            thread.execute(() -> {
                try {
                    FileStamp now = FileStamp.of(file);
                    if (now == null && policy == null) {
                        return; // as without the signal
                    }
                    complaint = ""; // who asks is answered, also with what was said before
                    reload(now);
                } catch (IOException | RuntimeException e) {
                    complain(e);
                }
            });
        } catch (RejectedExecutionException e) {
            log.debug("closing: the policy is not read again");
        }
    }

    /** The gateway has other addresses than before: no wide grant opens them. From any thread. */
    void ownAddresses(SensitiveAddresses sensitive) {
        try {
            thread.execute(() -> {
                registry.sensitive(sensitive);
                if (policy != null) {
                    use(policy);
                }
            });
        } catch (RejectedExecutionException e) {
            log.debug("closing: addresses do not matter any more");
        }
    }

    void tick() {
        try {
            FileStamp now = FileStamp.of(file);
            if (now == null && loaded != null && !missing) {
                log.warn("policy file {} is gone; the policy that it held stays in force", file);
            }
            missing = now == null;
            FileStamp before = seen;
            seen = now;
            if (now != null
                    && now.equals(before)
                    && (!now.equals(loaded) || now.isSettledSince(loadedAt, Instant.now()))) {
                reload(now);
            } else if (now != null && now.equals(loaded)) {
                complaint = "";
            }
            Instant time = clock.instant();
            PolicySnapshot current = snapshot;
            if (policy != null && current != null) {
                Instant until = current.validUntil();
                if (time.isBefore(compiledAt) || until != null && !time.isBefore(until)) {
                    log.info("policy: a time window opens or closes, or a grant ends");
                    use(policy);
                }
            }
        } catch (IOException | RuntimeException | Error e) { // thrown out of here, it would end the ticks for good
            complain(e);
        }
    }

    /**
     * Puts in force what the file says.
     *
     * @param now what it was before it is read; nothing is taken that has changed meanwhile
     */
    private void reload(@Nullable FileStamp now) throws IOException {
        Instant at = Instant.now();
        Policy next;
        try {
            next = loader.load();
        } catch (PolicyFile.WrongException e) {
            loaded = now; // it is told once, and read again when it changes
            loadedAt = at;
            throw e;
        }
        if (!Objects.equals(now, FileStamp.of(file))) {
            return; // half of it may be older: it is read in the next tick
        }
        loaded = now; // now that it was read: one that could not be is tried again
        loadedAt = at;
        complaint = "";
        if (!next.equals(policy)) {
            use(next);
        }
    }

    private void complain(Throwable e) {
        String text = String.valueOf(e.getMessage());
        if (!text.equals(complaint)) {
            complaint = text;
            log.warn("policy not loaded, {}: {}", policy == null ? "none is in force" : "the old one stays", text);
            registry.audit.add(new AuditRecord.Policy(registry.audit.clock().instant(), file.toString(), text, 0, 0));
        }
    }

    private void use(Policy next) {
        boolean changed = next != policy;
        Instant now = clock.instant();
        PolicySnapshot compiled = next.at(now, registry.sensitive());
        policy = next;
        snapshot = compiled;
        compiledAt = now;
        registry.policy(compiled);
        if (changed) {
            log.info(
                    "policy {}: {} grants, {} denies in force",
                    file,
                    next.grants().size(),
                    next.denies().size());
            registry.audit.add(new AuditRecord.Policy(
                    registry.audit.clock().instant(),
                    file.toString(),
                    null,
                    next.grants().size(),
                    next.denies().size()));
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
