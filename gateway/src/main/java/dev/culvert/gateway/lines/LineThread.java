package dev.culvert.gateway.lines;

import dev.culvert.gateway.lines.LineQueue.Step;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The thread that writes what is in some {@link LineQueue}s: one whose sink takes nothing holds up none of the others'. */
public final class LineThread implements AutoCloseable {
    /** How often it looks for records when there are none: nobody has to wake it, which would cost the loops. */
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** How long {@link #close} waits for a disk that does not take what is left. */
    private static final Duration CLOSE = Duration.ofSeconds(2);

    private final Set<LineQueue<?>> queues = ConcurrentHashMap.newKeySet();
    private final Set<LineQueue<?>> leaving = ConcurrentHashMap.newKeySet();
    private final Thread writer;
    private volatile boolean closed;
    private volatile long closedNanos;

    /** @param name of the thread */
    public LineThread(String name) {
        writer = new Thread(this::write, name);
        writer.setDaemon(true);
    }

    public void start() {
        writer.start();
    }

    /** Writes what comes in that queue from now on. Any thread. */
    public void add(LineQueue<?> queue) {
        queues.add(queue);
    }

    /** Lets go of a queue, and closes its sink, when what is in it has been written: nothing more comes, or it is lost. Any thread. */
    public void remove(LineQueue<?> queue) {
        leaving.add(queue);
    }

    private void write() {
        while (true) {
            boolean last = closed;
            boolean written = false;
            boolean stuck = false;
            for (LineQueue<?> queue : queues) {
                boolean leaves = leaving.contains(queue); // before it is looked whether anything is left
                Step step = queue.step();
                written |= step == Step.WRITTEN;
                stuck |= step == Step.NOT_WRITTEN;
                if (leaves && step == Step.NOTHING_TO_WRITE) {
                    queues.remove(queue);
                    leaving.remove(queue);
                    queue.close();
                }
            }
            if (last && !written && (!stuck || System.nanoTime() - closedNanos > CLOSE.toNanos())) {
                return;
            }
            if (!written) {
                LockSupport.parkNanos(POLL_NANOS);
            }
        }
    }

    /** Writes what is left, for two seconds at most. */
    @Override
    public void close() {
        if (!closed) {
            closedNanos = System.nanoTime();
            closed = true;
        }
        LockSupport.unpark(writer);
        try {
            writer.join(CLOSE.toMillis());
            if (!writer.isAlive()) {
                queues.forEach(LineQueue::close);
                queues.clear();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
