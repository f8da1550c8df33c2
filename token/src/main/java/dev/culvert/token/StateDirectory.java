package dev.culvert.token;

import java.io.ByteArrayInputStream;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The directory in which a gateway and the {@code token} command keep keys and certificates.
 *
 * <pre>
 * signing.key  private Ed25519 key that signs tokens (PKCS #8); a gateway works without it
 * signing.pub  public keys whose tokens are accepted: the first belongs to signing.key, others are older or of others
 * ca.key       private P-256 key of the certificate authority; a gateway needs it to renew its certificate
 * ca.crt       certificate of the authority, ten years
 * server.key   private key of the gateway
 * server.crt   certificate of the gateway and of the authority
 * gateway.url  public URL of the gateway, written into new tokens
 * revoked.jsonl  tokens that are no longer accepted, see {@link Revocations}
 * </pre>
 *
 * <p>Private halves are written before public ones and every file whole or not at all, so that an interrupted creation is
 * completed by the next. Creation and renewal hold a file lock; processes may race. Methods read files each time they are
 * called and may block; they may be called from any thread, but not from an event loop.
 */
public final class StateDirectory {
    private static final String SIGNING_KEY = "signing.key";
    private static final String SIGNING_PUB = "signing.pub";
    private static final String CA_KEY = "ca.key";
    private static final String CA_CRT = "ca.crt";
    private static final String SERVER_KEY = "server.key";
    private static final String SERVER_CRT = "server.crt";
    private static final String GATEWAY_URL = "gateway.url";
    private static final List<String> PRIVATE_FILES = List.of(SIGNING_KEY, CA_KEY, SERVER_KEY);

    private static final String PRIVATE_KEY = "PRIVATE KEY";
    private static final String PUBLIC_KEY = "PUBLIC KEY";
    private static final String CERTIFICATE = "CERTIFICATE";

    /** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 section 4). */
    private static final byte[] ED25519_SPKI = HexFormat.of().parseHex("302a300506032b6570032100");

    /** More names than one gateway has; keeps the certificate inside one TLS record. */
    private static final int MAX_NAMES = 100;

    private final Path path;
    private final StateFiles files;
    private final Clock clock;
    private final List<String> warnings;

    private StateDirectory(Path path, Clock clock) throws StateException {
        this.path = path;
        this.files = new StateFiles(path);
        this.clock = clock;
        this.warnings = List.copyOf(files.checkPermissions(PRIVATE_FILES));
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
        new StateFiles(path).createDirectory();
        StateDirectory state = new StateDirectory(path, clock);
        if (!state.files.exists(SIGNING_PUB) || !state.files.exists(CA_CRT)) {
            state.files.locked(() -> {
                state.createSigningKey();
                state.createAuthority();
                return true;
            });
        }
        return state;
    }

    /**
     * Opens a directory that was made before.
     *
     * @throws StateException if it does not exist, is not complete, or its private keys are open to every user
     */
    public static StateDirectory open(Path path) throws StateException {
        return open(path, Clock.systemUTC());
    }

    /** The same with a clock of the caller's. */
    public static StateDirectory open(Path path, Clock clock) throws StateException {
        if (!Files.isDirectory(path)) {
            throw new StateException("state directory " + path + " does not exist: run token init --state " + path
                    + ", or name another with --state DIR or CULVERT_STATE");
        }
        StateDirectory state = new StateDirectory(path, clock);
        for (String name : List.of(SIGNING_PUB, CA_CRT)) {
            if (!state.files.exists(name)) {
                throw new StateException(state.files.path(name) + " is missing: run token init --state " + path
                        + " to complete the directory");
            }
        }
        return state;
    }

    /** Where the directory is. */
    public Path path() {
        return path;
    }

    /** What the operator should change about permissions, a line each. */
    public List<String> warnings() {
        return warnings;
    }

    private void createSigningKey() throws StateException {
        if (files.exists(SIGNING_PUB)) {
            return;
        }
        PublicKey publicKey;
        if (files.exists(SIGNING_KEY)) {
            publicKey = publicHalf(readKey(SIGNING_KEY, "Ed25519"));
        } else {
            SigningKey key = SigningKey.generate();
            files.write(
                    SIGNING_KEY, StateFiles.pem(PRIVATE_KEY, key.privateKey().getEncoded()), true);
            publicKey = key.verificationKey().key();
        }
        files.write(SIGNING_PUB, StateFiles.pem(PUBLIC_KEY, publicKey.getEncoded()), false);
    }

    private PublicKey publicHalf(PrivateKey key) throws StateException {
        try {
            byte[] raw = CertificateAuthority.publicHalf((EdECPrivateKey) key);
            byte[] spki = java.util.Arrays.copyOf(ED25519_SPKI, ED25519_SPKI.length + raw.length);
            System.arraycopy(raw, 0, spki, ED25519_SPKI.length, raw.length);
            return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki));
        } catch (GeneralSecurityException | IllegalArgumentException | ClassCastException e) {
            throw files.corrupt(SIGNING_KEY, "is not an Ed25519 key", e);
        }
    }

    private void createAuthority() throws StateException {
        if (files.exists(CA_CRT)) {
            return;
        }
        PrivateKey key;
        PublicKey publicKey;
        if (files.exists(CA_KEY)) {
            // Keep the key: tokens may be out that pin it.
            key = readKey(CA_KEY, "EC");
            try {
                publicKey = CertificateAuthority.publicHalf((ECPrivateKey) key);
            } catch (GeneralSecurityException | RuntimeException e) {
                throw files.corrupt(CA_KEY, "is not a P-256 key", e);
            }
        } else {
            KeyPair pair = CertificateAuthority.newKey();
            key = pair.getPrivate();
            publicKey = pair.getPublic();
            files.write(CA_KEY, StateFiles.pem(PRIVATE_KEY, key.getEncoded()), true);
        }
        X509Certificate certificate = CertificateAuthority.selfSign(publicKey, key, clock.instant());
        files.write(CA_CRT, encode(certificate), false);
    }

    /**
     * Signs tokens with this directory's key.
     *
     * @throws StateException if the private key is not here or does not belong to the first key in signing.pub
     */
    public TokenSigner signer() throws StateException {
        if (!files.exists(SIGNING_KEY)) {
            throw new StateException(files.path(SIGNING_KEY) + " is missing, this directory can only verify tokens:"
                    + " make tokens where the key is, or restore it from a backup");
        }
        PrivateKey key = readKey(SIGNING_KEY, "Ed25519");
        try {
            return new TokenSigner(SigningKey.of(key, readPublicKeys().get(0).key()));
        } catch (IllegalArgumentException e) {
            throw files.corrupt(SIGNING_KEY, "does not belong to the first key in " + SIGNING_PUB, e);
        }
    }

    /** Verifies tokens against all keys in signing.pub, by the directory's clock. */
    public TokenVerifier verifier() throws StateException {
        return new TokenVerifier(readPublicKeys(), clock);
    }

    /** The tokens that were revoked, for a gateway to ask and the token command to add to. */
    public Revocations revocations() throws StateException {
        return new Revocations(files, clock);
    }

    private List<VerificationKey> readPublicKeys() throws StateException {
        List<VerificationKey> keys = new ArrayList<>();
        for (byte[] der : files.readPem(SIGNING_PUB, PUBLIC_KEY)) {
            try {
                keys.add(VerificationKey.of(
                        KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(der))));
            } catch (GeneralSecurityException | IllegalArgumentException e) {
                throw files.corrupt(SIGNING_PUB, "holds a key that is not Ed25519", e);
            }
        }
        return keys;
    }

    private PrivateKey readKey(String name, String algorithm) throws StateException {
        try {
            return KeyFactory.getInstance(algorithm)
                    .generatePrivate(new PKCS8EncodedKeySpec(
                            files.readPem(name, PRIVATE_KEY).get(0)));
        } catch (GeneralSecurityException e) {
            throw files.corrupt(name, "does not hold a private " + algorithm + " key", e);
        }
    }

    /** The certificate of the authority that signs the gateway's certificate. */
    public X509Certificate caCertificate() throws StateException {
        return readCertificates(CA_CRT).get(0);
    }

    /** The pin that tokens carry: SHA-256 of the authority's SubjectPublicKeyInfo, base64url without padding. */
    public String caPin() throws StateException {
        return pin(caCertificate());
    }

    /** The pin of an authority's certificate; see {@link Token#pin}. */
    public static String pin(X509Certificate certificate) {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(
                        VerificationKey.sha256(certificate.getPublicKey().getEncoded()));
    }

    private List<X509Certificate> readCertificates(String name) throws StateException {
        List<X509Certificate> out = new ArrayList<>();
        for (byte[] der : files.readPem(name, CERTIFICATE)) {
            try {
                out.add((X509Certificate)
                        CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der)));
            } catch (CertificateException e) {
                throw files.corrupt(name, "holds a broken certificate", e);
            }
        }
        return out;
    }

    private static String encode(X509Certificate certificate) {
        try {
            return StateFiles.pem(CERTIFICATE, certificate.getEncoded());
        } catch (CertificateException e) {
            throw new IllegalStateException("cannot encode a certificate that was just made", e);
        }
    }

    /**
     * The gateway's certificate for these names: the one on disk, or a new one if there is none, less than a third of its
     * life is left, it is for other names, or of another authority.
     *
     * @param names host names, {@code *.} names and IP addresses; at least one
     * @throws StateException if it can be neither read nor made
     * @throws IllegalArgumentException if a name is neither a host name nor an address
     */
    public ServerCertificate serverCertificate(Collection<String> names) throws StateException {
        SortedSet<String> wanted = canonical(names);
        X509Certificate ca = caCertificate();
        ServerCertificate current = currentCertificate(ca, wanted);
        if (current != null) {
            return current;
        }
        return files.locked(() -> {
            ServerCertificate meanwhile = currentCertificate(ca, wanted);
            return meanwhile != null ? meanwhile : issue(ca, wanted);
        });
    }

    private ServerCertificate issue(X509Certificate ca, SortedSet<String> names) throws StateException {
        Instant now = clock.instant();
        if (!now.isBefore(ca.getNotAfter().toInstant())) {
            throw new StateException(
                    files.path(CA_CRT) + " expired at " + ca.getNotAfter().toInstant()
                            + ": move it and ca.key away, run token init, and make new tokens, for their pin changes");
        }
        if (!files.exists(CA_KEY)) {
            throw new StateException(files.path(CA_KEY) + " is missing, so no certificate for "
                    + String.join(", ", names) + " can be made: restore it from a backup");
        }
        PrivateKey caKey = readKey(CA_KEY, "EC");
        if (!belongTogether(caKey, ca.getPublicKey())) {
            throw files.corrupt(CA_KEY, "does not belong to " + CA_CRT, new IllegalStateException("other key"));
        }
        KeyPair pair = CertificateAuthority.newKey();
        X509Certificate leaf = CertificateAuthority.issue(ca, caKey, pair.getPublic(), names, now);
        // A crash between the two leaves a pair that does not fit, which currentCertificate notices and replaces.
        files.write(SERVER_KEY, StateFiles.pem(PRIVATE_KEY, pair.getPrivate().getEncoded()), true);
        files.write(SERVER_CRT, encode(leaf) + encode(ca), false);
        return new ServerCertificate(new X509Certificate[] {leaf, ca}, pair.getPrivate());
    }

    /** The pair on disk if it can be used as it is; null if a new one is due. A broken pair can always be made anew. */
    private @Nullable ServerCertificate currentCertificate(X509Certificate ca, SortedSet<String> names) {
        if (!files.exists(SERVER_KEY) || !files.exists(SERVER_CRT)) {
            return null;
        }
        try {
            X509Certificate leaf = readCertificates(SERVER_CRT).get(0);
            PrivateKey key = readKey(SERVER_KEY, "EC");
            leaf.verify(ca.getPublicKey());
            Instant begin = leaf.getNotBefore().toInstant();
            Instant end = leaf.getNotAfter().toInstant();
            Instant now = clock.instant();
            Duration third = Duration.between(begin, end).dividedBy(3);
            boolean usable = !now.isBefore(begin)
                    && now.isBefore(end.minus(third))
                    && namesOf(leaf).equals(names)
                    && belongTogether(key, leaf.getPublicKey());
            return usable ? new ServerCertificate(new X509Certificate[] {leaf, ca}, key) : null;
        } catch (StateException | GeneralSecurityException e) {
            return null;
        }
    }

    private static SortedSet<String> namesOf(X509Certificate certificate) throws CertificateException {
        SortedSet<String> out = new TreeSet<>();
        Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
        if (alternatives != null) {
            for (List<?> alternative : alternatives) {
                String text = String.valueOf(alternative.get(1));
                InetAddress address = IpLiteral.parse(text);
                out.add(address == null ? text : IpLiteral.format(address));
            }
        }
        return out;
    }

    private static SortedSet<String> canonical(Collection<String> names) {
        SortedSet<String> out = new TreeSet<>();
        for (String name : names) {
            InetAddress address = IpLiteral.parse(name);
            try {
                out.add(address == null ? HostPattern.parse(name).toString() : IpLiteral.format(address));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "certificate name '" + Quote.shorten(name)
                                + "' is neither a host name nor an IP address: write vpn.example or 192.0.2.1",
                        e);
            }
        }
        if (out.isEmpty() || out.size() > MAX_NAMES) {
            throw new IllegalArgumentException("a certificate needs 1 to " + MAX_NAMES + " names, not " + out.size()
                    + ": name the gateway's hosts");
        }
        return out;
    }

    private static boolean belongTogether(PrivateKey privateKey, PublicKey publicKey) {
        try {
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initSign(privateKey);
            byte[] signed = signature.sign();
            signature.initVerify(publicKey);
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    /** The public URL of the gateway, or null if none was set. */
    public @Nullable URI gatewayUrl() throws StateException {
        if (!files.exists(GATEWAY_URL)) {
            return null;
        }
        try {
            return TokenFields.gateway(URI.create(files.read(GATEWAY_URL).strip()));
        } catch (IllegalArgumentException e) {
            throw new StateException(
                    files.path(GATEWAY_URL) + " does not hold a gateway URL: run token init --gateway wss://host:port",
                    e);
        }
    }

    /**
     * Remembers the public URL of the gateway for new tokens.
     *
     * @throws IllegalArgumentException if it is not {@code wss://host[:port][/path]} or {@code ws://}
     */
    public void setGatewayUrl(URI url) throws StateException {
        String text = TokenFields.gateway(url) + "\n";
        files.locked(() -> {
            files.write(GATEWAY_URL, text, false);
            return true;
        });
    }
}
