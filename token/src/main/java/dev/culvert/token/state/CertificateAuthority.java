package dev.culvert.token.state;

import dev.culvert.address.IpLiteral;
import dev.culvert.token.TokenFields;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.EdECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.crypto.ec.CustomNamedCurves;
import org.bouncycastle.crypto.params.Ed25519PrivateKeyParameters;
import org.bouncycastle.math.ec.FixedPointCombMultiplier;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * Makes certificates (RFC 5280). The only class that needs Bouncy Castle, so that commands that make none start without it.
 */
public final class CertificateAuthority {
    /** Holders pin the authority's key, so it must outlive tokens and machines; the server's key is the one that changes. */
    static final Duration CA_LIFE = Duration.ofDays(3652);

    /** Just under the 398 days that TLS clients accept at most. */
    static final Duration SERVER_LIFE = Duration.ofDays(397);

    /** Certificates begin in the past, for clients whose clock is behind. */
    private static final Duration BACKDATE = Duration.ofHours(1);

    /** RFC 5280 section 4.1.2.2: at most 20 octets; 128 random bits never collide. */
    private static final int SERIAL_BITS = 127;

    private static final String SIGNATURE = "SHA256withECDSA";

    private CertificateAuthority() {}

    public static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java runtime has no P-256: use one with module jdk.crypto.ec", e);
        }
    }

    /** A self-signed certificate of an authority that signs servers only, not further authorities. */
    static X509Certificate selfSign(PublicKey publicKey, PrivateKey key, Instant now) {
        X500Name name = new X500Name("CN=Culvert gateway CA");
        X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                name, serial(), Date.from(now.minus(BACKDATE)), Date.from(now.plus(CA_LIFE)), name, publicKey);
        try {
            JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            builder.addExtension(
                    Extension.subjectKeyIdentifier, false, extensions.createSubjectKeyIdentifier(publicKey));
            return sign(builder, key);
        } catch (GeneralSecurityException | IOException | OperatorCreationException e) {
            throw new IllegalStateException("cannot make the certificate of the authority: " + e.getMessage(), e);
        }
    }

    /** A server's certificate for these names and addresses, which are in the form of {@link StateDirectory}. */
    static X509Certificate issue(
            X509Certificate ca, PrivateKey caKey, PublicKey serverKey, Collection<String> names, Instant now) {
        // What begins before its authority is refused by whoever looks, and a clock that says so is wrong.
        Instant caBegin = ca.getNotBefore().toInstant();
        Instant begin = now.minus(BACKDATE);
        begin = begin.isBefore(caBegin) ? caBegin : begin;
        Instant end = begin.plus(BACKDATE).plus(SERVER_LIFE);
        Instant caEnd = ca.getNotAfter().toInstant();
        GeneralName[] alternatives =
                names.stream().map(CertificateAuthority::generalName).toArray(GeneralName[]::new);
        X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                ca,
                serial(),
                Date.from(begin),
                Date.from(end.isBefore(caEnd) ? end : caEnd),
                // RFC 6125 section 6.4.4: names are matched in the alternatives only, so the subject says just what
                // this is
                new javax.security.auth.x500.X500Principal("CN=Culvert gateway"),
                serverKey);
        try {
            JcaX509ExtensionUtils extensions = new JcaX509ExtensionUtils();
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(
                    Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_serverAuth));
            builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(alternatives));
            builder.addExtension(
                    Extension.subjectKeyIdentifier, false, extensions.createSubjectKeyIdentifier(serverKey));
            builder.addExtension(
                    Extension.authorityKeyIdentifier,
                    false,
                    extensions.createAuthorityKeyIdentifier(ca.getPublicKey()));
            return sign(builder, caKey);
        } catch (GeneralSecurityException | IOException | OperatorCreationException e) {
            throw new IllegalStateException("cannot make a certificate for " + names + ": " + e.getMessage(), e);
        }
    }

    private static GeneralName generalName(String name) {
        InetAddress address = IpLiteral.parse(name);
        return address == null
                ? new GeneralName(GeneralName.dNSName, name)
                : new GeneralName(GeneralName.iPAddress, new DEROctetString(address.getAddress()));
    }

    private static BigInteger serial() {
        return new BigInteger(SERIAL_BITS, TokenFields.RANDOM).add(BigInteger.ONE);
    }

    private static X509Certificate sign(X509v3CertificateBuilder builder, PrivateKey key)
            throws OperatorCreationException, GeneralSecurityException {
        return new JcaX509CertificateConverter()
                .getCertificate(builder.build(new JcaContentSignerBuilder(SIGNATURE).build(key)));
    }

    /** The raw public half of a private Ed25519 key, which the JDK does not compute. */
    static byte[] publicHalf(EdECPrivateKey key) {
        byte[] seed = key.getBytes()
                .orElseThrow(() -> new IllegalArgumentException("the private key does not show its bytes"));
        return new Ed25519PrivateKeyParameters(seed, 0).generatePublicKey().getEncoded();
    }

    /** The public half of a private P-256 key: the base point multiplied by it. */
    static PublicKey publicHalf(ECPrivateKey key) throws GeneralSecurityException {
        if (key.getParams().getCurve().getField().getFieldSize() != 256) {
            throw new InvalidKeyException("not a key of 256 bits");
        }
        org.bouncycastle.math.ec.ECPoint point = new FixedPointCombMultiplier()
                .multiply(CustomNamedCurves.getByName("secp256r1").getG(), key.getS())
                .normalize();
        return KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(
                        new ECPoint(
                                point.getAffineXCoord().toBigInteger(),
                                point.getAffineYCoord().toBigInteger()),
                        key.getParams()));
    }
}
