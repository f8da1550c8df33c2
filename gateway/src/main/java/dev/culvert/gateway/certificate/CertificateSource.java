package dev.culvert.gateway.certificate;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Where the certificates of published names come from. */
public interface CertificateSource {
    /**
     * The certificate for a name. Never blocks; from any thread.
     *
     * @param serverName what the peer asks for (SNI), or the text of the address that it came to
     * @return null when there is none for exactly that name: then another must not be shown
     */
    @Nullable
    Certificate find(String serverName);

    /**
     * How it stands with a name. Never blocks; from any thread.
     *
     * @return null when this source has nothing to do with the name
     */
    default @Nullable CertificateState state(String serverName, Instant now) {
        Certificate found = find(serverName);
        return found == null ? null : CertificateState.of(serverName, null, found, now, null, null);
    }

    /** Of several sources the first that has one. */
    static CertificateSource first(List<CertificateSource> sources) {
        return new FirstOf(sources);
    }
}
