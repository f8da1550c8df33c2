package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.store.Watch;
import dev.culvert.text.Printable;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.token.sign.VerificationKey;
import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The keys that sign tokens: {@code signing.key}, the private one, perhaps under a passphrase, and {@code signing.pub}, the
 * public ones whose tokens are accepted, newest first.
 *
 * <p>A rotation writes the new public key before the private one: if it is cut short, the old private key goes on signing
 * and its public half is the second. The private half of an old key is not kept. All methods read the disk.
 *
 * <p>A retired key leaves a line {@code retired ID} in front of the keys, so that two texts of different times can be {@linkplain #union united},
 * and it stays retired.
 */
public final class SigningKeys {
    static final Document PRIVATE = Document.secret("signing.key");
    static final Document PUBLIC = Document.open("signing.pub");
    private static final String ENCRYPTED_PRIVATE_KEY = "ENCRYPTED PRIVATE KEY";
    private static final String CREATED = "created ";
    private static final String RETIRED = "retired ";

    /** Their tokens have expired long ago when so many others were retired after them. */
    private static final int MAX_RETIRED = 256;

    /** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410 section 4). */
    private static final byte[] ED25519_SPKI = HexFormat.of().parseHex("302a300506032b6570032100");

    /** Each link set-up with an unknown key would cost no more for it, but nobody overlooks more keys than that. */
    private static final int MAX_KEYS = 64;

    private final Store own;
    private final Store shared;
    private final Clock clock;

    /**
     * @param own where the private key is
     * @param shared where the public ones are
     */
    SigningKeys(Store own, Store shared, Clock clock) {
        this.own = own;
        this.shared = shared;
        this.clock = clock;
    }

    /**
     * A public key whose tokens are accepted.
     *
     * @param key the key
     * @param created when it was made, if the file says so
     */
    public record Accepted(VerificationKey key, @Nullable Instant created) {}

    boolean exist() throws StateException {
        return areIn(shared);
    }

    /** Whether a store holds keys whose tokens are accepted. */
    boolean areIn(Store store) throws StateException {
        return store.exists(PUBLIC);
    }

    String where() {
        return shared.where(PUBLIC);
    }

    Watch<List<VerificationKey>> watch() throws StateException {
        return new Watch<>(shared, PUBLIC, this::verificationKeys);
    }

    /** Makes what is missing. Call within {@link Store#locked}. */
    void create(char @Nullable [] passphrase) throws StateException {
        if (exist()) {
            return;
        }
        VerificationKey publicKey;
        if (own.exists(PRIVATE)) {
            // An earlier creation was cut short; it had no public key yet, so no token was made.
            if (isEncrypted()) {
                throw new StateException(shared.where(PUBLIC) + " is missing and " + own.where(PRIVATE)
                        + " is encrypted: restore it from a backup, or move both away and run token init");
            }
            publicKey = VerificationKey.of(publicHalf(privateKey(Passphrase.NONE)));
        } else {
            SigningKey key = SigningKey.generate();
            writePrivate(key.privateKey(), passphrase);
            publicKey = key.verificationKey();
        }
        shared.put(PUBLIC, text(List.of(), List.of(new Accepted(publicKey, now()))));
    }

    /** Whether a private key is here, to sign with. */
    public boolean canSign() throws StateException {
        return own.exists(PRIVATE);
    }

    /** Whether the private key is under a passphrase. */
    public boolean isEncrypted() throws StateException {
        return Pem.read(own, PRIVATE).stream().anyMatch(block -> block.type().equals(ENCRYPTED_PRIVATE_KEY));
    }

    /** The keys whose tokens are accepted, newest first; the first is the one that signs. */
    public List<Accepted> accepted() throws StateException {
        return accepted(null);
    }

    /** @param text what the document says; null when that is still to be read */
    private List<Accepted> accepted(@Nullable String text) throws StateException {
        String all = text == null ? shared.require(PUBLIC) : text;
        try {
            return keys(Pem.parse(shared, PUBLIC, all, Pem.PUBLIC_KEY));
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw shared.corrupt(PUBLIC, "holds a key that is not Ed25519", e);
        }
    }

    private static List<Accepted> keys(List<Pem> blocks) throws GeneralSecurityException {
        List<Accepted> keys = new ArrayList<>();
        for (Pem block : blocks) {
            VerificationKey key = VerificationKey.of(
                    KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(block.der())));
            keys.add(new Accepted(key, created(block.comment())));
        }
        return keys;
    }

    /**
     * The keys of the later text, without those that either says are retired: see {@link dev.culvert.store.cluster.Union}. Where none would be left the
     * earlier's are taken, of which who retired the others has left one.
     */
    static String union(String later, String earlier) throws StateException {
        Set<String> retired = new LinkedHashSet<>(retired(earlier));
        retired.addAll(retired(later));
        if (retired(later).containsAll(retired)) {
            return later;
        }
        try {
            List<Accepted> keys = without(retired, later);
            return text(List.copyOf(retired), keys.isEmpty() ? without(retired, earlier) : keys);
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new StateException(PUBLIC.name() + " holds something else than Ed25519 keys", e);
        }
    }

    private static List<Accepted> without(Set<String> retired, String text) throws GeneralSecurityException {
        List<Pem> blocks = Pem.blocks(text).stream()
                .filter(block -> block.type().equals(Pem.PUBLIC_KEY))
                .toList();
        return keys(blocks).stream()
                .filter(accepted -> !retired.contains(accepted.key.keyId()))
                .toList();
    }

    List<VerificationKey> verificationKeys() throws StateException {
        return accepted().stream().map(Accepted::key).toList();
    }

    /** RFC 7468 section 2 allows text before each block. */
    private static @Nullable Instant created(String comment) {
        for (String line : comment.split("\n")) {
            if (line.startsWith(CREATED)) {
                try {
                    return Instant.parse(line.substring(CREATED.length()).strip());
                } catch (DateTimeException e) {
                    return null; // somebody's own remark
                }
            }
        }
        return null;
    }

    private Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.SECONDS);
    }

    /** The ids of keys that were retired, latest last. */
    private static List<String> retired(String text) {
        return text.lines()
                .filter(line -> line.startsWith(RETIRED))
                .map(line -> line.substring(RETIRED.length()).strip())
                .distinct()
                .toList();
    }

    private static String text(List<String> retired, List<Accepted> keys) {
        StringBuilder text = new StringBuilder();
        retired.stream()
                .skip(Math.max(0, retired.size() - MAX_RETIRED))
                .forEach(id -> text.append(RETIRED).append(id).append('\n'));
        for (Accepted accepted : keys) {
            text.append("key ").append(accepted.key.keyId()).append('\n');
            if (accepted.created != null) {
                text.append(CREATED).append(accepted.created).append('\n');
            }
            text.append(Pem.text(Pem.PUBLIC_KEY, accepted.key.key().getEncoded()));
        }
        return text.toString();
    }

    private void writePrivate(PrivateKey key, char @Nullable [] passphrase) throws StateException {
        String pem = passphrase == null
                ? Pem.text(Pem.PRIVATE_KEY, key.getEncoded())
                : Pem.text(ENCRYPTED_PRIVATE_KEY, KeyEncryption.encrypt(key, passphrase));
        own.put(PRIVATE, pem);
    }

    private PrivateKey privateKey(Passphrase passphrase) throws StateException {
        if (!canSign()) {
            throw new StateException(own.where(PRIVATE) + " is missing, this directory can only verify tokens:"
                    + " make tokens where the key is, or restore it from a backup");
        }
        byte[] der;
        if (isEncrypted()) {
            char[] secret;
            try {
                secret = passphrase.get(own.where(PRIVATE));
            } catch (IOException e) {
                throw new StateException(String.valueOf(e.getMessage()), e); // its line says already what to do
            }
            try {
                der = KeyEncryption.decrypt(
                        Pem.read(own, PRIVATE, ENCRYPTED_PRIVATE_KEY).get(0).der(), secret);
            } catch (GeneralSecurityException e) {
                throw new StateException(
                        own.where(PRIVATE) + " cannot be decrypted: is the passphrase right? try again", e);
            } finally {
                Arrays.fill(secret, '\0');
            }
        } else {
            der = Pem.read(own, PRIVATE, Pem.PRIVATE_KEY).get(0).der();
        }
        try {
            return KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(der));
        } catch (GeneralSecurityException e) {
            throw own.corrupt(PRIVATE, "does not hold a private Ed25519 key", e);
        }
    }

    private PublicKey publicHalf(PrivateKey key) throws StateException {
        try {
            byte[] raw = CertificateAuthority.publicHalf((EdECPrivateKey) key);
            byte[] spki = Arrays.copyOf(ED25519_SPKI, ED25519_SPKI.length + raw.length);
            System.arraycopy(raw, 0, spki, ED25519_SPKI.length, raw.length);
            return KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki));
        } catch (GeneralSecurityException | IllegalArgumentException | ClassCastException e) {
            throw own.corrupt(PRIVATE, "is not an Ed25519 key", e);
        }
    }

    /**
     * Signs tokens with the private key.
     *
     * @throws StateException if there is none, its passphrase is wrong, or its public half is not accepted
     */
    public TokenSigner signer(Passphrase passphrase) throws StateException {
        return new TokenSigner(signingKey(passphrase));
    }

    private SigningKey signingKey(Passphrase passphrase) throws StateException {
        PrivateKey key = privateKey(passphrase);
        IllegalArgumentException first = null;
        for (VerificationKey candidate : verificationKeys()) {
            try {
                return SigningKey.of(key, candidate.key());
            } catch (IllegalArgumentException e) {
                first = first == null ? e : first;
            }
        }
        throw own.corrupt(
                PRIVATE,
                "does not belong to any key in " + PUBLIC.name(),
                new IllegalArgumentException("no match", first));
    }

    /**
     * Makes a new signing key. Tokens of the older ones are accepted until those are retired.
     *
     * @param passphrase for the new private key; null to write it unencrypted
     * @return the id of the new key
     */
    public String rotate(char @Nullable [] passphrase) throws StateException {
        return own.locked(() -> {
            SigningKey fresh = SigningKey.generate();
            shared.update(PUBLIC, before -> {
                List<Accepted> keys = accepted(before);
                if (keys.size() >= MAX_KEYS) {
                    throw new StateException(shared.where(PUBLIC) + " holds " + keys.size()
                            + " keys: retire old ones first, with token key retire ID");
                }
                keys.add(0, new Accepted(fresh.verificationKey(), now()));
                return text(before == null ? List.of() : retired(before), keys);
            });
            writePrivate(fresh.privateKey(), passphrase);
            return fresh.keyId();
        });
    }

    /**
     * Ends the acceptance of a key's tokens.
     *
     * @throws StateException if there is no such key, or it is the one that signs
     */
    public void retire(String keyId) throws StateException {
        shared.update(PUBLIC, before -> {
            List<Accepted> keys = accepted(before);
            if (keys.get(0).key.keyId().equals(keyId)) {
                throw new StateException("key " + keyId + " is the one that signs: run token key rotate first");
            }
            if (!keys.removeIf(accepted -> accepted.key.keyId().equals(keyId))) {
                throw new StateException("no key '" + Printable.shorten(keyId) + "' is in " + shared.where(PUBLIC)
                        + ": token key list shows those that are");
            }
            List<String> retired = new ArrayList<>(before == null ? List.of() : retired(before));
            retired.add(keyId);
            return text(retired, keys);
        });
    }

    /**
     * Puts the private key under another passphrase, or none.
     *
     * @param old the present passphrase, asked for first, if there is one
     * @param fresh the new one; null to write the key unencrypted
     * @throws IOException with one line for people, if it cannot be done; the key stays as it was
     */
    public void changePassphrase(Passphrase old, @Nullable Passphrase fresh) throws IOException {
        SigningKey key = signingKey(old);
        char[] passphrase = fresh == null ? null : fresh.get(own.where(PRIVATE));
        own.locked(() -> {
            writePrivate(key.privateKey(), passphrase);
            return true;
        });
    }
}
