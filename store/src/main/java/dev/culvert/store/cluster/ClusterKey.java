package dev.culvert.store.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.StateFiles;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The secret that the gateways of a cluster share, and the store between them does not know: what the store holds is sealed by
 * keys that are derived of it. A file of one line, which only its owner may read.
 */
public final class ClusterKey {
    /** Its usual name, in the state directory. */
    public static final String FILE = "cluster.key";

    private static final int BYTES = 32;
    private static final Pattern LINE = Pattern.compile("culvert-cluster-key-1 ([A-Za-z0-9_-]{43})\\s*");
    private static final int MAX_SIZE = 1024;

    private final byte[] secret;

    private ClusterKey(byte[] secret) {
        this.secret = secret;
    }

    /** A new one. */
    public static ClusterKey generate() {
        byte[] secret = new byte[BYTES];
        new SecureRandom().nextBytes(secret);
        return new ClusterKey(secret);
    }

    /**
     * Reads one.
     *
     * @throws StateException if it is missing, is none, or others may read or change it
     */
    public static ClusterKey read(Path file) throws StateException {
        Document document = document(file);
        FileStore store = new FileStore(directory(file));
        if (!store.exists(document)) {
            throw new StateException("cluster key " + file + " is missing: copy it from another gateway of the cluster"
                    + " (mode 600), name it with --cluster-key FILE, or, for a new cluster, make it with token"
                    + " cluster-key");
        }
        store.requireOurs(document);
        if (!store.isPrivate(document)) {
            throw new StateException("cluster key " + file + " is open to others than its owner: chmod 600 " + file
                    + "; if others use this machine, they may know it");
        }
        Matcher line = LINE.matcher(String.valueOf(store.get(document)));
        if (!line.matches()) {
            throw new StateException(
                    "cluster key " + file + " holds something else than a cluster key: copy it once more"
                            + " from another gateway of the cluster");
        }
        return new ClusterKey(Base64.getUrlDecoder().decode(line.group(1)));
    }

    /**
     * Makes a file with a new one.
     *
     * @throws StateException if it exists, or cannot be written
     */
    public static void create(Path file) throws StateException {
        new StateFiles(directory(file), true)
                .write(document(file).name(), generate().text(), true, false);
    }

    private String text() {
        return "culvert-cluster-key-1 "
                + Base64.getUrlEncoder().withoutPadding().encodeToString(secret) + "\n";
    }

    private static Path directory(Path file) {
        Path parent = file.toAbsolutePath().getParent();
        return parent == null ? file.toAbsolutePath() : parent;
    }

    private static Document document(Path file) throws StateException {
        Path name = file.getFileName();
        try {
            return new Document(name == null ? "" : name.toString(), true, MAX_SIZE);
        } catch (IllegalArgumentException e) {
            throw new StateException("cluster key " + file + ": choose a name of letters, digits, '.', '_' and '-'", e);
        }
    }

    /** 256 random bits; a copy. */
    public byte[] secret() {
        return Arrays.copyOf(secret, secret.length);
    }
}
