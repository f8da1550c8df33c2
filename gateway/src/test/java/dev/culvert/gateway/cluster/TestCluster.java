package dev.culvert.gateway.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.Leases;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.LongSupplier;
import org.jspecify.annotations.NullUnmarked;

/** A store as gateways of a cluster have it: documents in a directory, leases in memory, by a clock of the test's. */
@NullUnmarked
public final class TestCluster {
    private final FileStore files;
    private final LongSupplier nanoTime;
    private final Map<String, Lease> leases = new ConcurrentHashMap<>();
    private volatile boolean away;
    private volatile boolean full;
    private volatile String forged = "";
    private int writings;
    private final List<String> written = new CopyOnWriteArrayList<>();

    private record Lease(String text, int writing, long endNanos) {}

    public TestCluster(Path directory, LongSupplier nanoTime) throws StateException {
        this.files = new FileStore(directory);
        files.createDirectory();
        this.nanoTime = nanoTime;
    }

    /** By the system's clock. */
    public TestCluster(Path directory) throws StateException {
        this(directory, System::nanoTime);
    }

    /** From now on it does not answer, or does again. */
    public void away(boolean now) {
        away = now;
    }

    /** From now on it takes nothing, or does again. */
    public void full(boolean now) {
        full = now;
    }

    /** From now on a document of this name was written by a stranger, until it is put there anew. */
    public void forge(String document) {
        forged = document;
    }

    /** A stranger has written this lease. */
    void forgeLease(String name) {
        leases.put(name, new Lease(null, ++writings, Long.MAX_VALUE / 2));
    }

    /** It is there no longer, by its owner's doing or not. */
    void dropLeases() {
        leases.clear();
    }

    /** Which documents were written, and which leases ended, in order. */
    List<String> written() {
        return written;
    }

    private void checkWriting() throws StateException {
        check();
        if (full) {
            throw new StateException("the store takes nothing");
        }
    }

    private void checkDocument(String method, Object[] arguments) throws StateException {
        if (List.of("put", "update", "compareAndSet").contains(method)) {
            checkWriting();
            written.add(method + " " + ((Document) arguments[0]).name());
        }
        if (arguments != null && arguments[0] instanceof Document document && forged.equals(document.name())) {
            if (method.equals("put")) {
                forged = "";
            } else if (!method.equals("version")) {
                throw new StateException("a stranger wrote it");
            }
        }
    }

    /** How often a lease was written. */
    int writings() {
        return writings;
    }

    /** As one gateway has it. */
    public Store store() {
        Leases own = new Own();
        return (Store) Proxy.newProxyInstance(
                TestCluster.class.getClassLoader(), new Class<?>[] {Store.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("leases")) {
                        return own;
                    }
                    if (List.of(method.getExceptionTypes()).contains(StateException.class)) {
                        check(); // the others only say where it is
                        checkDocument(method.getName(), arguments);
                    }
                    try {
                        return method.invoke(files, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private void check() throws StateException {
        if (away) {
            throw StateException.away("the store is away", new IllegalStateException());
        }
    }

    private Lease there(String name) throws StateException {
        check();
        return leases.computeIfPresent(name, (n, lease) -> lease.endNanos - nanoTime.getAsLong() > 0 ? lease : null);
    }

    private final class Own implements Leases {
        private final Map<String, Integer> mine = new HashMap<>();

        @Override
        public void put(String name, String text, Duration life) throws StateException {
            checkWriting();
            mine.put(name, ++writings);
            leases.put(name, new Lease(text, writings, nanoTime.getAsLong() + life.toNanos()));
        }

        @Override
        public boolean keep(String name, Duration life) throws StateException {
            checkWriting();
            Lease now = there(name);
            if (now == null || !mine.containsKey(name) || mine.get(name) != now.writing) {
                return false;
            }
            leases.put(name, new Lease(now.text, now.writing, nanoTime.getAsLong() + life.toNanos()));
            return true;
        }

        @Override
        public void end(String name) throws StateException {
            written.add("end " + name);
            if (keep(name, Duration.ZERO)) {
                leases.remove(name);
            }
        }

        @Override
        public String version(String name) throws StateException {
            Lease now = there(name);
            return now == null ? null : String.valueOf(now.writing);
        }

        @Override
        public String get(String name) throws StateException {
            Lease now = there(name);
            if (now != null && now.text == null) {
                throw new StateException("a stranger wrote it");
            }
            return now == null ? null : now.text;
        }
    }
}
