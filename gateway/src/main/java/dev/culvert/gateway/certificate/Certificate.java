package dev.culvert.gateway.certificate;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;
import org.jspecify.annotations.Nullable;

/**
 * What a TLS server needs to be a name. Two are equal when their certificates are, so that it may be the key of what is made
 * of it.
 */
public final class Certificate {
    /** Ours has two or three; a file with more is a bundle of roots, put there by mistake. */
    private static final int MAX_CHAIN = 10;

    private final List<X509Certificate> chain;
    private final PrivateKey key;
    private final String fingerprint;
    private final Set<String> names;

    private Certificate(List<X509Certificate> chain, PrivateKey key, String fingerprint, Set<String> names) {
        this.chain = List.copyOf(chain);
        this.key = key;
        this.fingerprint = fingerprint;
        this.names = Set.copyOf(names);
    }

    /**
     * Checks that the parts belong together.
     *
     * @param chain the server's certificate, then those of the authorities that lead to a root
     * @param key of the first
     * @throws IllegalArgumentException that says what is wrong
     */
    public static Certificate of(List<X509Certificate> chain, PrivateKey key) {
        if (chain.isEmpty() || chain.size() > MAX_CHAIN) {
            throw new IllegalArgumentException(
                    "it holds " + chain.size() + " certificates: 1 to " + MAX_CHAIN + " make a chain");
        }
        X509Certificate leaf = chain.get(0);
        if (!belongTogether(key, leaf)) {
            throw new IllegalArgumentException("the private key is not that of the first certificate");
        }
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(leaf.getEncoded());
            return new Certificate(chain, key, HexFormat.of().formatHex(digest), namesOf(leaf));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("its certificate cannot be read", e);
        }
    }

    /**
     * Reads certificates and a private key (PKCS #8, PKCS #1 or SEC 1, not encrypted) out of PEM, in any order of the two.
     *
     * @throws IllegalArgumentException that says what is wrong
     */
    public static Certificate parse(String pem) {
        List<X509Certificate> chain = new ArrayList<>();
        PrivateKey key = null;
        try (PEMParser parser = new PEMParser(new StringReader(pem))) {
            for (Object block = parser.readObject(); block != null; block = parser.readObject()) {
                if (block instanceof X509CertificateHolder holder) {
                    chain.add(new JcaX509CertificateConverter().getCertificate(holder));
                    continue;
                }
                PrivateKey found = privateKey(block);
                if (found != null && key != null) {
                    throw new IllegalArgumentException("it holds two private keys");
                }
                key = found != null ? found : key;
            }
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalArgumentException("it holds a broken certificate or key", e);
        }
        if (key == null) {
            throw new IllegalArgumentException(
                    "it holds no private key that can be read: write it as PEM, without a passphrase");
        }
        return of(chain, key);
    }

    private static @Nullable PrivateKey privateKey(Object block) throws IOException {
        if (block instanceof PEMKeyPair pair) {
            return new JcaPEMKeyConverter().getKeyPair(pair).getPrivate();
        }
        return block instanceof PrivateKeyInfo info ? new JcaPEMKeyConverter().getPrivateKey(info) : null;
    }

    /** The same as PEM: the key, then the chain. A secret. */
    public String pem() {
        StringWriter out = new StringWriter();
        try (PemWriter writer = new PemWriter(out)) {
            writer.writeObject(new PemObject("PRIVATE KEY", key.getEncoded()));
            for (X509Certificate certificate : chain) {
                writer.writeObject(new PemObject("CERTIFICATE", certificate.getEncoded()));
            }
        } catch (IOException | GeneralSecurityException e) {
            throw new IllegalStateException("a certificate that was read cannot be written", e);
        }
        return out.toString();
    }

    private static boolean belongTogether(PrivateKey key, X509Certificate leaf) {
        String algorithm = key.getAlgorithm();
        try {
            Signature signature = Signature.getInstance(
                    algorithm.equals("RSA")
                            ? "SHA256withRSA"
                            : algorithm.startsWith("Ed") ? algorithm : "SHA256withECDSA");
            signature.initSign(key);
            byte[] signed = signature.sign();
            signature.initVerify(leaf.getPublicKey());
            return signature.verify(signed);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }

    private static Set<String> namesOf(X509Certificate leaf) throws GeneralSecurityException {
        Set<String> out = new TreeSet<>();
        Collection<List<?>> alternatives = leaf.getSubjectAlternativeNames();
        for (List<?> alternative : alternatives == null ? List.<List<?>>of() : alternatives) {
            String name = normalize(String.valueOf(alternative.get(1)));
            if (name != null) {
                out.add(name);
            }
        }
        return out;
    }

    /** A name of a certificate, or that a peer asks for, in the form in which they are compared; null if it is none. */
    public static @Nullable String normalize(String name) {
        InetAddress address = IpLiteral.parse(name);
        if (address != null) {
            return AddressText.of(address);
        }
        if (name.startsWith("*.")) {
            String domain = HostPattern.normalize(name.substring(2));
            return domain == null ? null : "*." + domain;
        }
        return HostPattern.normalize(name);
    }

    /**
     * The wildcard that holds a name in certificates, where one {@code *} is one label (RFC 6125 section 6.4.3); null if there is
     * none.
     *
     * @param name in the compared form
     */
    public static @Nullable String wildcardOf(String name) {
        int dot = name.indexOf('.');
        return dot < 0 || name.startsWith("*.") || IpLiteral.parse(name) != null ? null : "*" + name.substring(dot);
    }

    /**
     * That for a name, else for the wildcard that holds it; null if there is none.
     *
     * @param byName each by all {@linkplain #names its names}
     * @param serverName as a peer asks for it
     */
    public static @Nullable Certificate find(Map<String, Certificate> byName, String serverName) {
        String name = normalize(serverName);
        if (name == null) {
            return null;
        }
        Certificate exact = byName.get(name);
        String wildcard = wildcardOf(name);
        return exact != null || wildcard == null ? exact : byName.get(wildcard);
    }

    /** Whether a peer that asks for this name accepts it. */
    public boolean isFor(String serverName) {
        String name = normalize(serverName);
        if (name == null) {
            return false;
        }
        String wildcard = wildcardOf(name);
        return names.contains(name) || wildcard != null && names.contains(wildcard);
    }

    /** The server's certificate, then the authorities'. */
    public List<X509Certificate> chain() {
        return chain;
    }

    /** Of the first. */
    public PrivateKey key() {
        return key;
    }

    public X509Certificate leaf() {
        return chain.get(0);
    }

    /** SHA-256 of the server's certificate, in hexadecimal. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Whom it is for, in the compared form: names, {@code *.} names, addresses. */
    public Set<String> names() {
        return names;
    }

    public Instant begins() {
        return leaf().getNotBefore().toInstant();
    }

    public Instant ends() {
        return leaf().getNotAfter().toInstant();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Certificate certificate && fingerprint.equals(certificate.fingerprint);
    }

    @Override
    public int hashCode() {
        return fingerprint.hashCode();
    }

    /** Without the key. */
    @Override
    public String toString() {
        return "certificate of " + String.join(", ", new TreeSet<>(names)) + " until " + ends();
    }
}
