package dev.culvert.gateway.cluster;

import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps this gateway's lease, and has it say what is attached. On one thread. */
final class Beat {
    private static final Logger log = LoggerFactory.getLogger(Beat.class);

    /** A gateway that is lost is so after this; three times it may be late. */
    static final Duration LIFE = Duration.ofSeconds(10);

    static final Duration EACH = Duration.ofSeconds(3);

    /** What comes and goes within this is written together. */
    static final Duration LEAST_PAUSE = Duration.ofMillis(500);

    /** All others read what is written: a list of ten thousand agents, 300 KiB, is written anew each 2.4 s at most. */
    static final int BYTES_PER_SECOND = 128 << 10;

    private final Leases leases;
    private final String name;
    private final Supplier<Attached> attached;
    private final LongSupplier nanoTime;
    private @Nullable Attached written;
    private long writtenNanos;
    private long lookedNanos;
    private long keptNanos;
    private long pauseNanos;
    private boolean clashed;
    private boolean tooLong;

    Beat(Leases leases, String name, Supplier<Attached> attached, LongSupplier nanoTime) {
        this.leases = leases;
        this.name = name;
        this.attached = attached;
        this.nanoTime = nanoTime;
    }

    /**
     * Does what is due; several times a second. Who has come or gone is told soon, how many flows there are with the next beat. To look
     * at very many takes as long as to write them down, and is done no more often.
     */
    void tick() throws StateException {
        long now = nanoTime.getAsLong();
        Attached before = written;
        boolean due = now - keptNanos >= EACH.toNanos();
        if (before != null && !due && now - lookedNanos < pauseNanos) {
            return;
        }
        lookedNanos = now;
        Attached current = attached.get();
        boolean differs = before == null || !current.hasSame(before) || due && !current.equals(before);
        if (differs && (before == null || now - writtenNanos >= pauseNanos)) {
            write(current, now);
        } else if (due) {
            if (leases.keep(name, LIFE)) {
                keptNanos = now;
            } else {
                lookForAnother();
                write(current, now);
            }
        }
    }

    private void write(Attached current, long now) throws StateException {
        String text = AttachedText.of(current);
        boolean fits = text.length() <= Leases.MAX_SIZE;
        if (!fits && !tooLong) {
            log.warn(
                    "too much is attached here to tell the other gateways of it: they know that this one is up, no more");
        }
        tooLong = !fits;
        String told = fits ? text : AttachedText.of(Attached.NONE);
        leases.put(name, told, LIFE);
        written = current;
        writtenNanos = now;
        keptNanos = now;
        pauseNanos = Math.max(LEAST_PAUSE.toNanos(), text.length() * 1_000_000_000L / BYTES_PER_SECOND);
    }

    private void lookForAnother() throws StateException {
        if (leases.version(name) == null) {
            log.info("the lease of this gateway ran out: this machine or the store was away; it is taken anew");
        } else if (!clashed) {
            clashed = true;
            log.warn("another gateway of this store calls itself {}, too: start each with its own --url", name);
        }
    }

    /** It stops: the lease ends, unless another has it. */
    void end() throws StateException {
        leases.end(name);
    }
}
