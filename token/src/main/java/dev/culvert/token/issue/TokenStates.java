package dev.culvert.token.issue;

import dev.culvert.store.StateException;
import dev.culvert.token.sign.Trust;
import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.Revocations;
import dev.culvert.token.state.StateDirectory;
import java.time.Instant;
import java.util.List;

/** What has become of tokens that were made. */
final class TokenStates {
    private final Revocations revocations;
    private final Trust trust;
    private final Instant now;

    private TokenStates(Revocations revocations, Trust trust, Instant now) {
        this.revocations = revocations;
        this.trust = trust;
        this.now = now;
    }

    static TokenStates of(StateDirectory directory, Instant now) throws StateException {
        return new TokenStates(directory.revocations(), directory.trust().current(), now);
    }

    /** {@code in force}, {@code expired}, {@code revoked} or {@code key retired}. */
    String of(IssuedTokens.Entry token) {
        if (!now.isBefore(token.expires())) {
            return "expired";
        }
        if (revocations.isRevoked(token.kind(), token.id(), token.name(), token.issuedAt())) {
            return "revoked";
        }
        return trust.key(token.keyId()) == null ? "key retired" : "in force";
    }

    boolean isInForce(IssuedTokens.Entry token) {
        return of(token).equals("in force");
    }

    /** Those of a key that are in force. */
    List<IssuedTokens.Entry> inForce(List<IssuedTokens.Entry> tokens, String keyId) {
        return tokens.stream()
                .filter(t -> t.keyId().equals(keyId) && isInForce(t))
                .toList();
    }
}
