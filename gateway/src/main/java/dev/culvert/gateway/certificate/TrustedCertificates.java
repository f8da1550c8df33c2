package dev.culvert.gateway.certificate;

import dev.culvert.text.FileError;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Authorities that are trusted instead of those of the system. */
public final class TrustedCertificates {
    private TrustedCertificates() {}

    /**
     * TLS that trusts the certificates of a file, and no others.
     *
     * @throws IOException with one line for people
     */
    public static SSLContext context(Path pem) throws IOException {
        try (InputStream in = Files.newInputStream(pem)) {
            KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
            trusted.load(null, null);
            for (var certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                trusted.setCertificateEntry("trusted-" + trusted.size(), certificate);
            }
            if (trusted.size() == 0) {
                throw new IOException(pem + " holds no certificate: write the authority's there, as PEM");
            }
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(trusted);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, factory.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new IOException(pem + " holds a broken certificate: write the authority's there, as PEM", e);
        } catch (java.nio.file.FileSystemException e) {
            throw new IOException(
                    pem + " cannot be read (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "let whom the gateway runs as read it"),
                    e);
        }
    }
}
