package dev.culvert.gateway.access;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicySnapshot;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the policy in force what its file, or the store, says and the clock: looks at both twice a second. A file that is wrong changes
 * nothing, and neither does one that vanishes. The file has a thread of its own, and not that of {@link FileWatch}: to read and
 * compile a long policy takes seconds, and a server of files that does not answer, for ever; for which neither a revocation nor
 * what ends by the clock shall wait.
 */
public final class PolicyKeeper implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(PolicyKeeper.class);

    /** A file counts once it has been the same for so long, so that none is read that is being written. */
    static final long TICK_MILLIS = 500;

    /** One that is never the same twice is read all the same, after so many looks: what it denies must not wait for ever. */
    static final int RESTLESS_TICKS = 20;

    private final PolicySource source;
    private final PolicyInForce inForce;
    private final AuditLog audit;
    private final Clock clock;
    private final ScheduledExecutorService files = thread("gateway-policy");
    private final ScheduledExecutorService hours = thread("gateway-policy-hours");

    // Used on the thread of the file only, once it runs.
    private PolicySource.@Nullable Stamp loaded;
    private String loadedVersion = "";
    private PolicySource.@Nullable Stamp seen;
    private boolean missing;
    private boolean unread;
    private int restless;

    // Guarded by this.
    private @Nullable Policy policy;
    private @Nullable PolicySnapshot snapshot;
    private Instant compiledAt = Instant.MIN;
    private String complaint = "";
    private @Nullable Instant complainedAt;
    private @Nullable String sha256;
    private @Nullable Long version;
    private @Nullable Instant since;

    public PolicyKeeper(PolicySource source, PolicyInForce inForce, AuditLog audit, Clock clock) {
        this.source = source;
        this.inForce = inForce;
        this.audit = audit;
        this.clock = clock;
    }

    private static ScheduledExecutorService thread(String name) {
        return Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory(name, true));
    }

    /**
     * Puts the file in force, if there is one.
     *
     * @param required whether it must be there
     * @throws IOException with one line for people, when it is not in order
     */
    public void start(boolean required) throws IOException {
        Instant at = Instant.now();
        PolicySource.Stamp now = source.stamp();
        if (now != null || required) {
            putInForce(source.load(inForce.sensitive()));
            loaded(now, at);
            seen = now;
        } else {
            log.info("no policy {}: the tokens' grants alone decide", source.where());
        }
    }

    /** Looks from now on. */
    public void watch() {
        files.scheduleWithFixedDelay(() -> guarded(this::lookAtFile), TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
        hours.scheduleWithFixedDelay(() -> guarded(this::lookAtClock), TICK_MILLIS, TICK_MILLIS, TimeUnit.MILLISECONDS);
    }

    /** Both at once. */
    void tick() {
        guarded(this::lookAtFile);
        guarded(this::lookAtClock);
    }

    /**
     * Reads the file soon, changed or not. From any thread.
     *
     * @return completes when it was read, whatever came of it
     */
    public CompletableFuture<Void> reloadSoon() {
        CompletableFuture<Void> read = new CompletableFuture<>();
        boolean willBe = run(files, () -> {
            try {
                PolicySource.Stamp now = source.stamp();
                if (now == null && !hasPolicy()) {
                    return; // as without the signal
                }
                over(); // who asks is answered, also with what was said before
                reload(now, true);
            } finally {
                read.complete(null);
            }
        });
        return willBe ? read : CompletableFuture.completedFuture(null);
    }

    /** The gateway has other addresses than before: no wide grant opens them. From any thread. */
    public void ownAddresses(SensitiveAddresses sensitive) {
        run(hours, () -> {
            inForce.sensitive(sensitive);
            again();
        });
    }

    private boolean run(ScheduledExecutorService thread, Look look) {
        try {
            thread.execute(() -> guarded(look));
            return true;
        } catch (RejectedExecutionException e) {
            log.debug("closing: nothing is looked at any more");
            return false;
        }
    }

    private interface Look {
        void run() throws IOException;
    }

    private void guarded(Look look) {
        try {
            look.run();
        } catch (IOException | RuntimeException | Error e) { // thrown out of here, it would end the ticks for good
            complain(e);
        }
    }

    private void lookAtFile() throws IOException {
        boolean again = unread;
        unread = true; // until it is known to be otherwise
        PolicySource.Stamp now = source.stamp();
        if (now == null && loaded != null && !missing) {
            log.warn("policy {} is gone; what it said stays in force", source.where());
        }
        missing = now == null;
        PolicySource.Stamp before = seen;
        seen = now;
        if (now == null) {
            restless = 0;
        } else if (!again && now.version(Instant.now()).equals(loadedVersion)) {
            restless = 0;
            unread = false;
        } else if (source.isWhole() || now.equals(before) || ++restless > RESTLESS_TICKS) {
            restless = 0;
            reload(now, again);
            unread = false;
        } else {
            unread = again;
        }
    }

    private synchronized void lookAtClock() {
        Instant time = clock.instant();
        PolicySnapshot current = snapshot;
        if (current != null) {
            Instant until = current.validUntil();
            if (time.isBefore(compiledAt) || until != null && !time.isBefore(until)) {
                log.info("policy: a time window opens or closes, or a grant ends");
                again();
            }
        }
    }

    /**
     * Puts in force what the file says.
     *
     * @param now what it was before it is read; nothing is taken that has changed meanwhile
     * @param told whether it is said that nothing has changed
     */
    private void reload(PolicySource.@Nullable Stamp now, boolean told) throws IOException {
        Instant at = Instant.now();
        PolicyFile.Loaded next;
        try {
            next = source.load(inForce.sensitive());
        } catch (PolicyFile.WrongException e) {
            if (!Objects.equals(now, loaded)) {
                over(); // who has written it anew is told anew
            }
            loaded(now, at); // it is told once, and read again when it changes
            unread = false;
            throw e;
        }
        if (!Objects.equals(now, source.stamp())) {
            return; // half of it may be older: it is read in the next tick
        }
        if (!putInForce(next) && (over() || told)) {
            log.info("policy {} is in order and says what is in force", source.where());
        }
        loaded(now, at); // now that it is in force: one that could not be read, or compiled, is tried again
    }

    private void loaded(PolicySource.@Nullable Stamp now, Instant at) {
        loaded = now;
        loadedVersion = now == null ? "" : now.version(at);
    }

    private synchronized boolean hasPolicy() {
        return policy != null;
    }

    /**
     * What was complained of is over.
     *
     * @return whether anything was
     */
    private synchronized boolean over() {
        boolean complained = !complaint.isEmpty();
        complaint = "";
        return complained;
    }

    private synchronized void complain(Throwable e) {
        String text = String.valueOf(e.getMessage());
        if (!text.equals(complaint)) {
            complaint = text;
            complainedAt = clock.instant().truncatedTo(ChronoUnit.SECONDS);
            log.warn(
                    "policy not loaded, {}: {}",
                    policy == null ? "there is none, the tokens' grants alone decide" : "the old one stays",
                    text);
            audit.add(new AuditRecord.Policy(audit.clock().instant(), source.where(), text, 0, 0));
        }
    }

    /** What is in force, and what was wrong with the file since. From any thread. */
    public synchronized PolicyStatus status() {
        Policy current = policy;
        return new PolicyStatus(
                source.where(),
                sha256,
                version,
                since,
                current == null ? null : current.grants().size(),
                current == null ? null : current.denies().size(),
                complaint.isEmpty() ? null : complaint,
                complaint.isEmpty() ? null : complainedAt);
    }

    /** @return false if it is in force already */
    private synchronized boolean putInForce(PolicyFile.Loaded loaded) {
        Policy next = loaded.policy();
        if (next.equals(policy)) {
            sha256 = loaded.sha256(); // other words for the same
            version = loaded.version();
            return false;
        }
        use(next);
        sha256 = loaded.sha256();
        version = loaded.version();
        since = clock.instant().truncatedTo(ChronoUnit.SECONDS);
        over();
        log.info(
                "policy {}: {} grants, {} denies in force",
                source.where(),
                next.grants().size(),
                next.denies().size());
        audit.add(new AuditRecord.Policy(
                audit.clock().instant(),
                source.where(),
                null,
                next.grants().size(),
                next.denies().size()));
        return true;
    }

    /** The same policy, with the clock and the addresses as they are now. */
    private synchronized void again() {
        Policy current = policy;
        if (current != null) {
            use(current);
        }
    }

    private synchronized void use(Policy next) {
        Instant now = clock.instant();
        PolicySnapshot compiled = next.at(now, inForce.sensitive());
        policy = next;
        snapshot = compiled;
        compiledAt = now;
        inForce.policy(compiled);
    }

    @Override
    public void close() {
        files.shutdown();
        hours.shutdown();
    }
}
