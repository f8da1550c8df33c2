package dev.culvert.token.store;

import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.cluster.ClusterKey;
import dev.culvert.store.cluster.ClusterStore;
import dev.culvert.store.cluster.EngineKind;
import dev.culvert.store.cluster.StoreAddress;
import dev.culvert.token.holder.SecretSource;
import dev.culvert.token.state.SharedStore;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options that say where what gateways share is kept, for use as a picocli mixin. */
public final class StoreOptions {
    private static final String ADDRESS = "CULVERT_STORE";
    private static final int AWAY = 7;
    private static final String PASSWORD = "CULVERT_STORE_PASSWORD";
    private static final String SENTINEL_PASSWORD = "CULVERT_STORE_SENTINEL_PASSWORD";

    @Option(
            names = "--store",
            paramLabel = "URL",
            description = {
                "Where what gateways share is kept: file:/DIR, redis://[USER@]HOST:PORT/DB, rediss:// by TLS,",
                "redis-sentinel://HOST,HOST,HOST/MASTER, redis-socket:///PATH. Never with a password in it.",
                "Default: $$" + ADDRESS + ", else the state directory."
            })
    @Nullable
    String address;

    @Option(
            names = "--store-password-file",
            paramLabel = "FILE",
            description = "File with the store's password. Default: the environment variable " + PASSWORD + ".")
    @Nullable
    String passwordFile;

    @Option(
            names = "--store-sentinel-password-file",
            paramLabel = "FILE",
            description = {
                "File with the password of the store's sentinels, if they ask for one.",
                "Default: the environment variable " + SENTINEL_PASSWORD + "."
            })
    @Nullable
    String sentinelPasswordFile;

    @Option(
            names = "--store-ca",
            paramLabel = "FILE",
            description = "Certificates (PEM) that a rediss:// store's is checked by. Default: those that Java trusts.")
    @Nullable
    Path authority;

    @Option(
            names = "--cluster-key",
            paramLabel = "FILE",
            description = {
                "The secret that all gateways of the cluster have and the store has not.",
                "Default: cluster.key in the state directory."
            })
    @Nullable
    Path key;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    /** Used by picocli. */
    public StoreOptions() {}

    /** How a program ends by an error: 7 when the store is away, so that a script can try again; else 1. */
    public static int exitCode(Throwable failed) {
        return failed instanceof StateException state && state.isAway() ? AWAY : ExitCode.SOFTWARE;
    }

    /** Where the cluster key is. */
    public Path clusterKey(Path state) {
        return key == null ? state.resolve(ClusterKey.FILE) : key;
    }

    /**
     * What was chosen.
     *
     * @param env the environment
     * @param founds whether a place that holds no cluster yet is made one's, and a missing cluster key made
     * @throws IOException with one line for people, if the password cannot be read
     */
    public SharedStore choice(Path state, Map<String, String> env, boolean founds) throws IOException {
        StoreAddress at = address(env);
        return at == null ? SharedStore.SAME : choice(at, state, founds);
    }

    /**
     * The one at an address that was not given by {@code --store}, with what else was chosen.
     *
     * @param what gave the address, for people
     */
    public SharedStore at(String what, String address, Path state, Map<String, String> env, boolean founds)
            throws IOException {
        return choice(address(what, address, env), state, founds);
    }

    /** Whether {@code --store} was given. */
    public boolean isGiven() {
        return address != null;
    }

    private SharedStore choice(StoreAddress at, Path state, boolean founds) {
        if (at.isDirectory()) {
            return own -> directory(Path.of(at.path()), own, founds);
        }
        return founds
                ? new Founded(at, clusterKey(state))
                : own -> ClusterStore.open(at, ClusterKey.read(clusterKey(state)));
    }

    /**
     * The same for a gateway: what it has seen of a cluster's store it keeps in its state directory, and goes on by that while the store is
     * away.
     */
    public SharedStore served(Path state, Map<String, String> env) throws IOException {
        StoreAddress at = address(env);
        return at == null || at.isDirectory()
                ? choice(state, env, false)
                : own -> ClusterStore.follow(
                        EngineKind.of(at).open(at), ClusterKey.read(clusterKey(state)), state, StateDirectory.UNIONS);
    }

    /** Where it is, with what opens it; null for the state directory. */
    private @Nullable StoreAddress address(Map<String, String> env) throws IOException {
        String text = address != null ? address : env.get(ADDRESS);
        if (text == null || text.isBlank()) {
            return null;
        }
        return address(address != null ? "--store" : ADDRESS, text, env);
    }

    private StoreAddress address(String what, String text, Map<String, String> env) throws IOException {
        StoreAddress at;
        try {
            at = StoreAddress.parse(text.strip());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), what + ": " + e.getMessage());
        }
        if (at.isDirectory()) {
            return at;
        }
        if (sentinelPasswordFile != null && !at.isBehindSentinels()) {
            throw new ParameterException(
                    spec.commandLine(), "--store-sentinel-password-file: the store " + at + " is behind no sentinels");
        }
        StoreAddress place = at.with(
                password(passwordFile, env.get(PASSWORD)),
                password(sentinelPasswordFile, env.get(SENTINEL_PASSWORD)),
                authority);
        if (place.user() != null && place.password() == null) {
            // Not repeated: with some programs it is the password that stands there.
            throw new ParameterException(
                    spec.commandLine(),
                    what + ": the address names a user, and there is no password: give the user's with"
                            + " --store-password-file FILE or in " + PASSWORD + ", or leave the user out");
        }
        return place;
    }

    private static char @Nullable [] password(@Nullable String file, @Nullable String given) throws IOException {
        if (file != null) {
            return SecretSource.password(file);
        }
        return given == null || given.isEmpty() ? null : given.toCharArray();
    }

    /**
     * The same choice for another command's line, each word with a space in front; empty when the store is the state directory.
     *
     * @param env the environment, which that command may not have; of passwords it must
     */
    public String repeated(Map<String, String> env) {
        String text = address != null ? address : env.get(ADDRESS);
        if (text == null || text.isBlank()) {
            return "";
        }
        StringBuilder line = new StringBuilder(" --store ").append(text.strip());
        option(line, "--store-password-file", passwordFile);
        option(line, "--store-sentinel-password-file", sentinelPasswordFile);
        option(line, "--store-ca", authority);
        option(line, "--cluster-key", key);
        return line.toString();
    }

    private static void option(StringBuilder line, String name, @Nullable Object value) {
        if (value != null) {
            line.append(' ').append(name).append(' ').append(value);
        }
    }

    private static Store directory(Path path, FileStore own, boolean founds) throws StateException {
        FileStore store = new FileStore(path);
        if (founds) {
            store.createDirectory();
        }
        if (!Files.isDirectory(path)) {
            throw new StateException("store " + path + " does not exist: run token init --store file:" + path);
        }
        store.checkPermissions(StateDirectory.SHARED_SECRETS);
        return store;
    }

    /** One that is founded when it is first opened. */
    private static final class Founded implements SharedStore {
        private final StoreAddress place;
        private final Path key;
        private @Nullable ClusterStore opened;

        Founded(StoreAddress place, Path key) {
            this.place = place;
            this.key = key;
        }

        @Override
        public synchronized Store open(FileStore own) throws StateException {
            ClusterStore known = opened;
            if (known != null) {
                return known;
            }
            EngineKind kind = EngineKind.of(place); // before a key is made for nothing
            boolean fresh = !Files.exists(key);
            if (fresh) {
                ClusterKey.create(key);
            }
            ClusterStore store = new ClusterStore(kind.open(place), ClusterKey.read(key));
            try {
                store.found(fresh);
            } catch (StateException e) {
                store.close();
                if (fresh && !e.isAway()) { // else it may have been founded, with this key, without our hearing of it
                    withdraw();
                }
                throw e;
            }
            opened = store;
            return store;
        }

        /** What has closed nothing is no key, and would be taken for one. */
        private void withdraw() throws StateException {
            try {
                Files.deleteIfExists(key);
            } catch (IOException e) {
                throw new StateException("cluster key " + key + " opens nothing, and cannot be deleted: delete it", e);
            }
        }
    }
}
