package dev.culvert.gateway.certificate;

import dev.culvert.store.FileStamp;
import dev.culvert.text.FileError;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Certificates that somebody else looks after: PEM files, read again when they change. Each is for the names, also wildcards, that it
 * holds itself. A file that is broken changes nothing.
 */
public final class FileCertificates implements CertificateSource {
    /** A chain and a key have some KiB; bounds what a mix-up of files costs. */
    private static final int MAX_SIZE = 256 * 1024;

    private final List<Pair> pairs;
    private final Map<Pair, String> versions = new HashMap<>();
    private final Map<Pair, Certificate> read = new HashMap<>();
    private volatile Map<String, Certificate> byName = Map.of();
    private final Map<Certificate, Path> files = new ConcurrentHashMap<>();

    /**
     * A certificate's files.
     *
     * @param chain the server's certificate and those that lead to a root
     * @param key its private key; may be the same file
     */
    public record Pair(Path chain, Path key) {}

    /**
     * Reads them all.
     *
     * @throws IOException with one line for people
     */
    public FileCertificates(List<Pair> pairs) throws IOException {
        this.pairs = List.copyOf(pairs);
        refresh();
    }

    /**
     * Reads what has changed. Blocks; from one thread at a time.
     *
     * @return whether anything had
     * @throws IOException with one line for people; what could be read is in force, and the next call tries the rest again
     */
    public synchronized boolean refresh() throws IOException {
        boolean changed = false;
        IOException first = null;
        for (Pair pair : pairs) {
            try {
                changed |= refresh(pair);
            } catch (IOException e) {
                first = first == null ? e : first;
            }
        }
        if (changed) {
            Map<String, Certificate> next = new HashMap<>();
            read.forEach((pair, certificate) -> files.put(certificate, pair.chain));
            for (Pair pair : pairs) {
                Certificate certificate = read.get(pair);
                if (certificate != null) { // of two for one name the first
                    certificate.names().forEach(name -> next.putIfAbsent(name, certificate));
                }
            }
            byName = Map.copyOf(next);
            files.keySet().retainAll(read.values());
        }
        if (first != null) {
            throw first;
        }
        return changed;
    }

    private boolean refresh(Pair pair) throws IOException {
        String now = version(pair.chain) + " " + version(pair.key);
        if (now.equals(versions.get(pair))) {
            return false;
        }
        String text = text(pair.chain) + (pair.key.equals(pair.chain) ? "" : "\n" + text(pair.key));
        try {
            Certificate certificate = Certificate.parse(text);
            versions.put(pair, now); // only once it was read: what cannot be read now is tried again
            return !certificate.equals(read.put(pair, certificate));
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    pair.chain + " is no certificate to show: " + e.getMessage()
                            + (read.containsKey(pair) ? "; the one that it held before stays" : ""),
                    e);
        }
    }

    private static @Nullable String version(Path file) throws IOException {
        FileStamp stamp = FileStamp.of(file);
        return stamp == null ? null : stamp.version(Instant.now());
    }

    private static String text(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_SIZE + 1);
            if (bytes.length > MAX_SIZE) {
                throw new IOException(
                        file + " is larger than " + MAX_SIZE + " bytes and cannot be a certificate or a key");
            }
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (java.nio.file.FileSystemException e) {
            throw new IOException(
                    file + " cannot be read (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "let whom the gateway runs as read it"),
                    e);
        }
    }

    @Override
    public @Nullable Certificate find(String serverName) {
        return Certificate.find(byName, serverName);
    }

    @Override
    public @Nullable CertificateState state(String serverName, Instant now) {
        Certificate found = find(serverName);
        if (found == null) {
            return null;
        }
        Path file = files.get(found);
        return CertificateState.of(serverName, file == null ? null : file.toString(), found, now, null, null);
    }
}
