package dev.culvert.gateway.door;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.fabric.LinkLife;
import dev.culvert.gateway.limit.Services;
import dev.culvert.store.StateException;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.holder.HolderKey;
import dev.culvert.token.sign.SignatureCheck;
import dev.culvert.token.sign.TokenVerifier;
import dev.culvert.token.state.Enrolments;
import dev.culvert.token.state.Revocations;
import dev.culvert.tunnel.connect.Repetition;
import dev.culvert.tunnel.link.LinkProof;
import java.security.MessageDigest;
import java.time.Clock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether who asks for a link is the holder of a token that is in force: signature, time, revocation, and for a
 * bound token the proof of its key. Costs some hundred µs of CPU, and an enrolment a write to disk: not for event loops.
 */
public final class Authenticator {
    private static final Logger log = LoggerFactory.getLogger(Authenticator.class);

    private final TokenVerifier verifier;
    private final Revocations revocations;
    private final Enrolments enrolments;
    private final ProofNonces nonces;
    private final AuditLog audit;
    /** A full disk is told once an hour, however often holders come back. */
    private final Repetition said = new Repetition();

    private final Clock clock;

    public Authenticator(TokenVerifier verifier, Revocations revocations, Enrolments enrolments, Services services) {
        this.verifier = verifier;
        this.revocations = revocations;
        this.enrolments = enrolments;
        this.audit = services.audit();
        this.clock = services.clock();
        this.nonces = new ProofNonces(services.nanoTime());
    }

    /** What becomes of an upgrade. */
    sealed interface Admission {}

    /** It becomes a link; {@code key} is the thumbprint of the holder's key, null for a bearer token. */
    record Accepted(Token token, @Nullable String key) implements Admission {}

    /** The holder must sign this first. */
    record Challenged(String nonce) implements Admission {}

    /**
     * It is refused.
     *
     * @param ours whether our keys have signed the token: only then is its bearer told why
     * @param token what it says, where it was read
     */
    record Refused(String why, boolean ours, @Nullable Token token) implements Admission {}

    /** Not now. */
    record Unavailable(String why) implements Admission {}

    /**
     * Judges.
     *
     * @param bearer the token's text
     * @param proof the header with the proof; null when there was none
     * @param certificate SHA-256 of the certificate that this connection showed; null without TLS of our own
     * @param from who asks, for the audit log
     */
    Admission judge(String bearer, @Nullable String proof, byte @Nullable [] certificate, String from) {
        Token token;
        try {
            token = verifier.verify(bearer);
        } catch (TokenException e) {
            return new Refused(String.valueOf(e.getMessage()), e.isGenuine(), null);
        }
        if (!token.expires().isAfter(clock.instant())) {
            // The verifier forgives clocks a minute; the link would be closed at once, and again, until that is over.
            return new Refused(LinkLife.EXPIRED, true, token);
        }
        if (revocations.isRevoked(token)) {
            return new Refused(LinkLife.REVOKED, true, token);
        }
        if (token.binding() instanceof TokenBinding.Bearer) {
            return new Accepted(token, null);
        }
        if (proof == null) {
            return new Challenged(nonces.issue(bearer));
        }
        LinkProof given = LinkProof.parse(proof);
        if (given == null) {
            return new Refused("the proof of the token's key is malformed", true, token);
        }
        if (!nonces.redeem(given.nonce(), bearer)) {
            return new Challenged(nonces.issue(bearer));
        }
        byte[] seen = given.certificate();
        if (certificate != null && (seen == null || !MessageDigest.isEqual(certificate, seen))) {
            return new Refused(
                    "the proof of the token's key is for another certificate than ours: something between ends TLS",
                    true,
                    token);
        }
        if (!given.verify(bearer, SignatureCheck::verify)) {
            return new Refused("the proof of the token's key has a wrong signature", true, token);
        }
        return bound(token, HolderKey.thumbprint(given.key()), from);
    }

    /** The key is the sender's own; is it the token's? */
    private Admission bound(Token token, String key, String from) {
        if (token.binding() instanceof TokenBinding.Key own) {
            return own.thumbprint().equals(key)
                    ? new Accepted(token, key)
                    : new Refused("the token is bound to another key than yours; ask for one of your own", true, token);
        }
        if (!(token.binding() instanceof TokenBinding.Enrolment enrolment)) {
            return new Refused("the token is bound in a way that is not known here", true, token);
        }
        try {
            String first = enrolments.keyOf(token);
            if (first == null) {
                if (!clock.instant().isBefore(enrolment.before())) {
                    return new Refused(
                            "the token had to be used first before " + enrolment.before() + "; ask for a new one",
                            true,
                            token);
                }
                first = enrolments.enrol(token, key);
                if (first.equals(key)) {
                    log.info("{} '{}' from {} has enrolled with key {}", token.kind(), token.name(), from, key);
                    audit.add(new AuditRecord.TokenEnrolled(
                            clock.instant(), token.kind().toString(), token.name(), token.id(), key, from));
                }
            }
            return first.equals(key)
                    ? new Accepted(token, key)
                    : new Refused(
                            "the token is already enrolled by another key: somebody used it before you, unless that was you, as another user or"
                                    + " with another --state;"
                                    + " have it revoked, and ask for a new one",
                            true,
                            token);
        } catch (StateException e) {
            if (said.isNews(String.valueOf(e.getMessage()))) {
                log.error("cannot enrol {} '{}': {}", token.kind(), token.name(), e.getMessage());
            }
            return new Unavailable("the gateway cannot record the enrolment just now; see its log");
        }
    }
}
