package dev.culvert.gateway.certificate;

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

    /** Of several sources the first that has one. */
    static CertificateSource first(List<CertificateSource> sources) {
        List<CertificateSource> inTurn = List.copyOf(sources);
        return serverName -> {
            for (CertificateSource source : inTurn) {
                Certificate found = source.find(serverName);
                if (found != null) {
                    return found;
                }
            }
            return null;
        };
    }
}
