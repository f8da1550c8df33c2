package dev.culvert.gateway.certificate;

import dev.culvert.gateway.certificate.CertificateState.Standing;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The last source: has no certificate, and a word on every name that none other has.
 *
 * @param obtains whether another obtains certificates, and will soon have seen the name
 */
public record NoCertificates(boolean obtains) implements CertificateSource {
    @Override
    public @Nullable Certificate find(String serverName) {
        return null;
    }

    @Override
    public CertificateState state(String serverName, Instant now) {
        return obtains
                ? CertificateState.without(serverName, null, Standing.OBTAINING, null, null)
                : CertificateState.without(
                        serverName,
                        null,
                        Standing.MISSING,
                        "nobody is to give one: name a file with --certificate, or an authority with --acme",
                        null);
    }
}
