package dev.culvert.store.cluster;

import dev.culvert.store.Leases;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Leases as values of the engine's that it forgets by its own clock, sealed as all else is. One that somebody put back who has seen it
 * before is believed, for as long as he keeps it: it says who is there, and nothing else hangs on it.
 */
final class ClusterLeases implements Leases {
    /** What is done before the engine is believed. */
    interface Check {
        void run() throws StateException;
    }

    private static final String LEASE = "culvert/lease/";

    private final Engine engine;
    private final Seal seal;
    private final Check mark;

    /** What tells our last writing of each from all others. */
    private final Map<String, byte[]> ours = new ConcurrentHashMap<>();

    ClusterLeases(Engine engine, Seal seal, Check mark) {
        this.engine = engine;
        this.seal = seal;
        this.mark = mark;
    }

    private static String key(String name) {
        Register.requireWords(name, name);
        return LEASE + name;
    }

    @Override
    public void put(String name, String text, Duration life) throws StateException {
        int size = text.getBytes(StandardCharsets.UTF_8).length;
        if (size > MAX_SIZE) {
            throw new IllegalArgumentException("lease " + name + " has " + size + " bytes; at most " + MAX_SIZE);
        }
        String key = key(name);
        mark.run();
        byte[] before = ours.get(name);
        byte[] closed = seal.close(key, before == null ? 1 : Seal.revision(before) + 1, text);
        engine.lease(key, closed, life);
        ours.put(name, Arrays.copyOf(closed, Seal.HEADER));
    }

    @Override
    public boolean keep(String name, Duration life) throws StateException {
        byte[] header = ours.get(name);
        mark.run();
        return header != null && engine.prolong(key(name), header, life);
    }

    @Override
    public void end(String name) throws StateException {
        byte[] header = ours.remove(name);
        if (header != null) {
            engine.prolong(key(name), header, Duration.ZERO);
        }
    }

    @Override
    public @Nullable String version(String name) throws StateException {
        mark.run();
        byte[] header = engine.read(key(name), Seal.HEADER);
        return header.length == 0 ? null : Seal.version(header);
    }

    @Override
    public @Nullable String get(String name) throws StateException {
        String key = key(name);
        mark.run();
        byte[] closed = engine.read(key, MAX_SIZE + Seal.OVERHEAD);
        if (closed.length == 0) {
            return null;
        }
        Seal.Opened opened = seal.open(key, closed);
        if (opened == null) {
            throw ClusterStore.forged(key + " in " + engine.where());
        }
        return opened.text();
    }
}
