package dev.culvert.token.state;

import dev.culvert.command.LineFile;
import dev.culvert.store.Document;
import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.StateFiles;
import dev.culvert.store.Store;
import dev.culvert.store.cluster.Union;
import dev.culvert.text.Printable;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.token.sign.TokenVerifier;
import dev.culvert.token.sign.Trust;
import dev.culvert.token.sign.VerificationKey;
import java.io.Closeable;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.Nullable;

/**
 * The directory in which a gateway and the {@code token} command keep keys and certificates.
 *
 * <pre>
 * signing.key    private Ed25519 key that signs tokens (PKCS #8, perhaps encrypted); a gateway works without it
 * signing.pub    public keys whose tokens are accepted, newest first: {@link SigningKeys}
 * issued.jsonl   what tokens were made: {@link IssuedTokens}; a gateway works without it
 * revoked.jsonl  tokens that are no longer accepted: {@link Revocations}
 * gateway.url    public URLs of the gateway, written into new tokens
 * ca.key         private P-256 key of the certificate authority; a gateway needs it to renew its certificate
 * ca.crt         certificate of the authority, ten years
 * server.key     private key of the gateway
 * server.crt     certificate of the gateway and of the authority
 * renewals.jsonl renewed tokens that wait for their holders: {@link Renewals}
 * drained        agents that get no new flows: {@link DrainedAgents}
 * enrolments     which keys tokens are bound to: {@link Enrolments}
 * audit.jsonl    what was changed here, and what happened at the gateway
 * </pre>
 *
 * <p>What gateways share is in one {@link Store}, and what each has for itself (the key that signs, its own key and
 * certificate, the audit log) in another. Both are this directory, unless {@link SharedStore} says otherwise.
 *
 * <p>Private halves are written before public ones and every file whole or not at all, so that an interrupted creation is
 * completed by the next. Changes hold a file lock; processes may race. Methods read files each time they are called and
 * may block; they may be called from any thread, but not from an event loop.
 */
public final class StateDirectory {
    /** The audit log of the gateway, unless it is told to write elsewhere, and of the {@code token} command. */
    public static final String AUDIT = "audit.jsonl";

    /** Of what gateways share, that which nobody else may read. */
    public static final List<Document> SHARED_SECRETS = CertificateFiles.PRIVATE;

    /** How two states of what only grows are united. */
    public static final Map<String, Union> UNIONS =
            Map.of(Revocations.FILE, Revocations::union, SigningKeys.PUBLIC.name(), SigningKeys::union);

    private final Path path;
    private final FileStore own;
    private final Store shared;
    private final Clock clock;
    private final List<String> warnings;
    private final SigningKeys keys;
    private final CertificateFiles certificates;
    private final GatewayUrlFile urls;

    private StateDirectory(Path path, Clock clock, SharedStore where) throws StateException {
        this.path = path;
        this.own = new FileStore(path);
        this.shared = where.open(own);
        this.clock = clock;
        this.keys = new SigningKeys(own, shared, clock);
        this.certificates = new CertificateFiles(own, shared, clock);
        this.urls = new GatewayUrlFile(shared);
        List<Document> secret = new ArrayList<>(CertificateFiles.PRIVATE);
        secret.add(SigningKeys.PRIVATE);
        List<String> found = new ArrayList<>(own.checkPermissions(secret));
        if (shared != own && keys.areIn(own)) {
            found.add(path + " holds what gateways share, of the time before --store: it is not read any more");
        }
        this.warnings = List.copyOf(found);
    }

    /** {@code $CULVERT_STATE}; else {@code /var/lib/culvert} for root; else {@code culvert} below the XDG state directory. */
    public static Path defaultPath() {
        return defaultPath(System.getenv(), System.getProperty("user.name", ""), System.getProperty("user.home", ""));
    }

    static Path defaultPath(Map<String, String> env, String user, String home) {
        String chosen = env.get("CULVERT_STATE");
        if (chosen != null && !chosen.isBlank()) {
            return Path.of(chosen);
        }
        if (user.equals("root")) {
            return Path.of("/var/lib/culvert");
        }
        String xdg = env.get("XDG_STATE_HOME");
        // XDG base directory specification: a relative path is invalid and must be ignored
        Path base = xdg != null && Path.of(xdg).isAbsolute() ? Path.of(xdg) : Path.of(home, ".local", "state");
        return base.resolve("culvert");
    }

    /** Opens the directory, making it and what it lacks. */
    public static StateDirectory openOrCreate(Path path) throws StateException {
        return openOrCreate(path, Clock.systemUTC());
    }

    /** The same with a clock of the caller's. */
    public static StateDirectory openOrCreate(Path path, Clock clock) throws StateException {
        return openOrCreate(path, clock, null, SharedStore.SAME);
    }

    /**
     * The same, with a passphrase for the signing key if it has yet to be made.
     *
     * @param passphrase null to write the key unencrypted
     * @param where what is shared
     */
    public static StateDirectory openOrCreate(Path path, Clock clock, char @Nullable [] passphrase, SharedStore where)
            throws StateException {
        new FileStore(path).createDirectory();
        StateDirectory state = new StateDirectory(path, clock, where);
        if (!state.keys.exist() || !state.certificates.exist()) {
            state.shared.locked(() -> {
                state.keys.create(passphrase);
                state.certificates.create();
                return true;
            });
        }
        return state;
    }

    /**
     * Opens what a gateway needs. What it shares with others it does not make: keys that nobody else has would end all of their links and
     * tokens.
     *
     * @throws StateException also if what is shared has no keys
     */
    public static StateDirectory openToServe(Path path, Clock clock, SharedStore where) throws StateException {
        if (where == SharedStore.SAME) {
            return openOrCreate(path, clock);
        }
        new FileStore(path).createDirectory();
        StateDirectory state = new StateDirectory(path, clock, where);
        for (Document needed : List.of(SigningKeys.PUBLIC, CertificateFiles.CA_CRT)) {
            if (!state.shared.exists(needed)) {
                throw new StateException(state.shared.where(needed) + " is missing: if it was lost or deleted start a"
                        + " gateway that has a last copy, which puts it back, or restore it from a backup; for a new"
                        + " cluster run token init --store");
            }
        }
        return state;
    }

    /** Whether there is a signing key at that place, so that {@link #openOrCreate} would make none. */
    public static boolean hasKeys(Path path, SharedStore where) throws StateException {
        FileStore store = new FileStore(path);
        if (where == SharedStore.SAME) {
            return new SigningKeys(store, store, Clock.systemUTC()).exist();
        }
        store.createDirectory();
        return new SigningKeys(store, where.open(store), Clock.systemUTC()).exist();
    }

    /**
     * Opens a directory that was made before.
     *
     * @throws StateException if it does not exist, is not complete, or every user can change its private keys
     */
    public static StateDirectory open(Path path) throws StateException {
        return open(path, Clock.systemUTC());
    }

    /** The same with a clock of the caller's. */
    public static StateDirectory open(Path path, Clock clock) throws StateException {
        return open(path, clock, SharedStore.SAME);
    }

    /** The same with what is shared elsewhere. */
    public static StateDirectory open(Path path, Clock clock, SharedStore where) throws StateException {
        boolean unknown = !Files.exists(path) && !Files.notExists(path);
        if (unknown || (Files.isDirectory(path) && !Files.isExecutable(path))) {
            // What lies in it would look as if it were not there.
            throw new StateException("state directory " + path
                    + " is closed to this user: run as its owner (with sudo, if it is root's), or name another with"
                    + " --state DIR or CULVERT_STATE");
        }
        if (!Files.isDirectory(path)) {
            throw new StateException("state directory " + path + " does not exist: run token init --state " + path
                    + ", or name another with --state DIR or CULVERT_STATE");
        }
        StateDirectory state = new StateDirectory(path, clock, where);
        if (!state.keys.exist() || !state.certificates.exist()) {
            throw new StateException((state.keys.exist() ? state.certificates.where() : state.keys.where())
                    + " is missing: run token init --state " + path + " to complete the directory");
        }
        return state;
    }

    /**
     * Takes the directory for one gateway: its audit log, and what its certificate is, are one process's.
     *
     * @throws StateException if another gateway has it
     */
    public Closeable claim() throws StateException {
        Closeable claim = own.claim("gateway");
        if (claim == null) {
            throw new StateException("another gateway is running on " + path
                    + ": stop it, or give this one a directory of its own with --state DIR");
        }
        return claim;
    }

    /** Where the directory is. */
    public Path path() {
        return path;
    }

    /** What gateways share. */
    public Store shared() {
        return shared;
    }

    /** Whether what is shared may be several machines', as that of a cluster. */
    public boolean isOfCluster() {
        return shared.leases() != null;
    }

    /** What the operator should change about permissions, a line each. */
    public List<String> warnings() {
        return warnings;
    }

    /** The keys that sign tokens. */
    public SigningKeys keys() {
        return keys;
    }

    /**
     * Signs tokens with this directory's key, which must not be encrypted.
     *
     * @throws StateException if the private key is not here or does not belong to a key in signing.pub
     */
    public TokenSigner signer() throws StateException {
        return keys.signer(Passphrase.NONE);
    }

    /** Verifies tokens by the keys and the gateway's URLs as they are now, and by the directory's clock. */
    public TokenVerifier verifier() throws StateException {
        Trust trust = trust().current();
        return new TokenVerifier(() -> trust, clock);
    }

    /** Agents that get no new flows for the time being. */
    public DrainedAgents drainedAgents() {
        return new DrainedAgents(shared);
    }

    /** The keys and the gateway's URLs, for a gateway to read again when they change. */
    public TrustFiles trust() throws StateException {
        return new TrustFiles(keys, urls);
    }

    /** The tokens that were revoked, for a gateway to ask and the token command to add to. */
    public Revocations revocations() throws StateException {
        return new Revocations(shared, clock);
    }

    /** The tokens that were made here. */
    public IssuedTokens issued() {
        return new IssuedTokens(shared, clock);
    }

    /** Renewed tokens that wait for their holders. */
    public Renewals renewals() {
        return new Renewals(shared, clock);
    }

    /** Which keys enrolled tokens are bound to. */
    public Enrolments enrolments() throws StateException {
        return Enrolments.open(shared, clock);
    }

    /**
     * Adds a line to the audit log: what somebody has changed here.
     *
     * @param fields what there is to say, without secrets
     * @throws StateException if it cannot be written; the change stands
     */
    public void audit(String event, Map<String, ?> fields) throws StateException {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("time", clock.instant().truncatedTo(ChronoUnit.MILLIS).toString());
        line.put("event", event);
        String caller = System.getenv("SUDO_USER");
        line.put("by", caller != null ? caller : System.getProperty("user.name", ""));
        line.putAll(fields);
        String text = Printable.escape(JsonUtil.toJson(line)) + "\n";
        try (LineFile log = new LineFile(path.resolve(AUDIT))) {
            log.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new StateFiles(path, true).unwritable(AUDIT, e);
        }
    }

    /** The certificate of the authority that signs the gateway's certificate. */
    public X509Certificate caCertificate() throws StateException {
        return certificates.ca();
    }

    /** The pin that tokens carry: SHA-256 of the authority's SubjectPublicKeyInfo, base64url without padding. */
    public String caPin() throws StateException {
        return pin(caCertificate());
    }

    /** The pin of an authority's certificate; see {@link TokenTerms#pin}. */
    public static String pin(X509Certificate certificate) {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(
                        VerificationKey.sha256(certificate.getPublicKey().getEncoded()));
    }

    /**
     * The gateway's certificate for these names: the one on disk, or a new one if there is none, less than a third of its
     * life is left, it is for other names, or of another authority. One on disk that has yet to begin stays there, and
     * another is returned meanwhile.
     *
     * @param names host names, {@code *.} names and IP addresses; at least one
     * @throws StateException if it can be neither read nor made
     * @throws IllegalArgumentException if a name is neither a host name nor an address
     */
    public ServerCertificate serverCertificate(Collection<String> names) throws StateException {
        return certificates.server(names);
    }

    /** The public URLs of the gateway, or gateways, that new tokens name; empty if none was set. */
    public List<URI> gatewayUrls() throws StateException {
        return urls.read().urls();
    }

    /** The first of {@link #gatewayUrls}, or null. */
    public @Nullable URI gatewayUrl() throws StateException {
        List<URI> all = gatewayUrls();
        return all.isEmpty() ? null : all.get(0);
    }

    /**
     * Remembers the public URLs of the gateway for new tokens. Tokens that name earlier ones count on.
     *
     * @throws IllegalArgumentException if one is not {@code wss://host[:port][/path]} or {@code ws://}
     */
    public void setGatewayUrls(List<URI> all) throws StateException {
        urls.set(all);
    }

    /**
     * Remembers one more; costs a reading if it is known.
     *
     * @throws IllegalArgumentException if it is not usable, or there are 16 already
     */
    public void addGatewayUrl(URI url) throws StateException {
        urls.add(url);
    }
}
