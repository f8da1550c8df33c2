package dev.culvert.token.state;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.text.Printable;
import java.io.ByteArrayInputStream;
import java.net.InetAddress;
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
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The files of the certificate authority and of the gateway's certificate. All methods read the disk. */
final class CertificateFiles {
    private static final Document CA_KEY = Document.secret("ca.key");
    static final Document CA_CRT = Document.open("ca.crt");
    private static final Document SERVER_KEY = Document.secret("server.key");
    private static final Document SERVER_CRT = Document.open("server.crt");
    static final List<Document> PRIVATE = List.of(CA_KEY, SERVER_KEY);

    private static final String CERTIFICATE = "CERTIFICATE";

    /** More names than one gateway has; keeps the certificate inside one TLS record. */
    private static final int MAX_NAMES = 100;

    private final Store own;
    private final Store shared;
    private final Clock clock;

    /** In force where the one on disk is not yet; never written. */
    private @Nullable ServerCertificate interim;

    /**
     * @param own where the gateway's key and certificate are, which are for its names
     * @param shared where the authority is, whose certificates are good at all gateways
     */
    CertificateFiles(Store own, Store shared, Clock clock) {
        this.own = own;
        this.shared = shared;
        this.clock = clock;
    }

    boolean exist() throws StateException {
        return shared.exists(CA_CRT);
    }

    String where() {
        return shared.where(CA_CRT);
    }

    private static PrivateKey readKey(Store store, Document document) throws StateException {
        try {
            return KeyFactory.getInstance("EC")
                    .generatePrivate(new PKCS8EncodedKeySpec(
                            Pem.read(store, document, Pem.PRIVATE_KEY).get(0).der()));
        } catch (GeneralSecurityException e) {
            throw store.corrupt(document, "does not hold a private EC key", e);
        }
    }

    /** Makes the authority if there is none. Call within {@link Store#locked}. */
    void create() throws StateException {
        if (exist()) {
            return;
        }
        PrivateKey key;
        PublicKey publicKey;
        if (shared.exists(CA_KEY)) {
            // Keep the key: tokens may be out that pin it.
            key = readKey(shared, CA_KEY);
            try {
                publicKey = CertificateAuthority.publicHalf((ECPrivateKey) key);
            } catch (GeneralSecurityException | RuntimeException e) {
                throw shared.corrupt(CA_KEY, "is not a P-256 key", e);
            }
        } else {
            KeyPair pair = CertificateAuthority.newKey();
            key = pair.getPrivate();
            publicKey = pair.getPublic();
            shared.put(CA_KEY, Pem.text(Pem.PRIVATE_KEY, key.getEncoded()));
        }
        X509Certificate certificate = CertificateAuthority.selfSign(publicKey, key, clock.instant());
        shared.put(CA_CRT, encode(certificate));
    }

    X509Certificate ca() throws StateException {
        return readCertificates(shared, CA_CRT).get(0);
    }

    private static List<X509Certificate> readCertificates(Store store, Document document) throws StateException {
        List<X509Certificate> out = new ArrayList<>();
        for (Pem block : Pem.read(store, document, CERTIFICATE)) {
            try {
                out.add((X509Certificate) CertificateFactory.getInstance("X.509")
                        .generateCertificate(new ByteArrayInputStream(block.der())));
            } catch (CertificateException e) {
                throw store.corrupt(document, "holds a broken certificate", e);
            }
        }
        return out;
    }

    private static String encode(X509Certificate certificate) {
        try {
            return Pem.text(CERTIFICATE, certificate.getEncoded());
        } catch (CertificateException e) {
            throw new IllegalStateException("cannot encode a certificate that was just made", e);
        }
    }

    /** {@link StateDirectory#serverCertificate} */
    synchronized ServerCertificate server(Collection<String> names) throws StateException {
        SortedSet<String> wanted = canonical(names);
        X509Certificate ca = ca();
        ServerCertificate current = onDisk(ca, wanted);
        if (current == null || isDue(current.leaf())) {
            current = own.locked(() -> {
                ServerCertificate meanwhile = onDisk(ca, wanted);
                return meanwhile != null && !isDue(meanwhile.leaf()) ? meanwhile : replace(ca, wanted);
            });
        }
        return isYetToBegin(current.leaf()) ? untilThen(ca, current, wanted) : current;
    }

    /**
     * What to show while the certificate on disk is good and has yet to begin. The clock is behind, or it was ahead when
     * that was made, and nobody can know which; so it stays where it is, and another that is in force now is kept in memory.
     */
    private ServerCertificate untilThen(X509Certificate ca, ServerCertificate onDisk, SortedSet<String> names)
            throws StateException {
        if (isYetToBegin(ca) || !shared.exists(CA_KEY)) {
            return onDisk; // the clock is wrong for certain; or there is no other
        }
        ServerCertificate before = interim;
        if (before == null
                || isDue(before.leaf())
                || isYetToBegin(before.leaf())
                || !before.chain()[1].equals(ca)
                || !hasNames(before.leaf(), names)) {
            before = issue(ca, names);
            interim = before;
        }
        return before;
    }

    private ServerCertificate replace(X509Certificate ca, SortedSet<String> names) throws StateException {
        ServerCertificate made = issue(ca, names);
        // A crash between the two leaves a pair that does not fit, which onDisk() notices.
        own.put(SERVER_KEY, Pem.text(Pem.PRIVATE_KEY, made.key().getEncoded()));
        own.put(SERVER_CRT, encode(made.leaf()) + encode(ca));
        return made;
    }

    private ServerCertificate issue(X509Certificate ca, SortedSet<String> names) throws StateException {
        Instant now = clock.instant();
        if (!now.isBefore(ca.getNotAfter().toInstant())) {
            throw new StateException(
                    shared.where(CA_CRT) + " expired at " + ca.getNotAfter().toInstant()
                            + ": move it and ca.key away, run token init, and make new tokens, for their pin changes");
        }
        if (!shared.exists(CA_KEY)) {
            throw new StateException(shared.where(CA_KEY) + " is missing, so no certificate for "
                    + String.join(", ", names) + " can be made: restore it from a backup");
        }
        PrivateKey caKey = readKey(shared, CA_KEY);
        if (!belongTogether(caKey, ca.getPublicKey())) {
            throw shared.corrupt(CA_KEY, "does not belong to " + CA_CRT.name(), new IllegalStateException("other key"));
        }
        KeyPair pair = CertificateAuthority.newKey();
        X509Certificate leaf = CertificateAuthority.issue(ca, caKey, pair.getPublic(), names, now);
        return new ServerCertificate(new X509Certificate[] {leaf, ca}, pair.getPrivate());
    }

    /** The pair on disk, whatever its time; null if it cannot be used at all. A broken pair can always be made anew. */
    private @Nullable ServerCertificate onDisk(X509Certificate ca, SortedSet<String> names) {
        try {
            if (!own.exists(SERVER_KEY) || !own.exists(SERVER_CRT)) {
                return null;
            }
            X509Certificate leaf = readCertificates(own, SERVER_CRT).get(0);
            PrivateKey key = readKey(own, SERVER_KEY);
            leaf.verify(ca.getPublicKey());
            return hasNames(leaf, names) && belongTogether(key, leaf.getPublicKey())
                    ? new ServerCertificate(new X509Certificate[] {leaf, ca}, key)
                    : null;
        } catch (StateException | GeneralSecurityException e) {
            return null;
        }
    }

    /** Less than a third of its life is left. */
    private boolean isDue(X509Certificate leaf) {
        Instant end = leaf.getNotAfter().toInstant();
        Duration third = Duration.between(leaf.getNotBefore().toInstant(), end).dividedBy(3);
        return !clock.instant().isBefore(end.minus(third));
    }

    private boolean isYetToBegin(X509Certificate certificate) {
        return clock.instant().isBefore(certificate.getNotBefore().toInstant());
    }

    private static boolean hasNames(X509Certificate leaf, SortedSet<String> names) {
        try {
            return namesOf(leaf).equals(names);
        } catch (CertificateException e) {
            return false;
        }
    }

    private static SortedSet<String> namesOf(X509Certificate certificate) throws CertificateException {
        SortedSet<String> out = new TreeSet<>();
        Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
        if (alternatives != null) {
            for (List<?> alternative : alternatives) {
                String text = String.valueOf(alternative.get(1));
                InetAddress address = IpLiteral.parse(text);
                out.add(address == null ? text : AddressText.of(address));
            }
        }
        return out;
    }

    private static SortedSet<String> canonical(Collection<String> names) {
        SortedSet<String> out = new TreeSet<>();
        for (String name : names) {
            InetAddress address = IpLiteral.parse(name);
            try {
                out.add(address == null ? HostPattern.parse(name).toString() : AddressText.of(address));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(
                        "certificate name '" + Printable.shorten(name)
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
}
