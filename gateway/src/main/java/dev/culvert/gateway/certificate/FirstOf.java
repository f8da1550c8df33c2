package dev.culvert.gateway.certificate;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Of several sources the first that has a certificate; without any, the first that is to give one speaks for the name.
 *
 * @param inTurn the sources
 */
record FirstOf(List<CertificateSource> inTurn) implements CertificateSource {
    FirstOf {
        inTurn = List.copyOf(inTurn);
    }

    @Override
    public @Nullable Certificate find(String serverName) {
        for (CertificateSource source : inTurn) {
            Certificate found = source.find(serverName);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    @Override
    public @Nullable CertificateState state(String serverName, Instant now) {
        CertificateState first = null;
        for (CertificateSource source : inTurn) {
            CertificateState state = source.state(serverName, now);
            if (state != null && state.until() != null) {
                return state;
            }
            first = first == null ? state : first;
        }
        return first;
    }
}
