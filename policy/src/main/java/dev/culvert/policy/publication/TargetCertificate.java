package dev.culvert.policy.publication;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Base64;

/** The certificate that an https target's must lead to, as text. */
final class TargetCertificate {
    /** A certificate has one or two thousand bytes; so many fit an announcement beside others. */
    private static final int MAX = 6_144;

    private TargetCertificate() {}

    /** DER in Base64 of what is that already, or PEM. */
    static String normalize(String value) {
        try {
            return Base64.getEncoder().encodeToString(read(value).getEncoded());
        } catch (CertificateException | IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "option 'tls-ca' is no certificate that can be read; write one as PEM, or its DER in Base64, of at most "
                            + MAX + " characters",
                    e);
        }
    }

    static X509Certificate read(String value) throws CertificateException {
        if (value.length() > MAX) {
            throw new CertificateException("too long");
        }
        byte[] bytes = value.contains("-----BEGIN")
                ? value.getBytes(StandardCharsets.US_ASCII)
                : Base64.getMimeDecoder().decode(value);
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(bytes));
    }
}
