package dev.culvert.token.state;

import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.token.Token;
import dev.culvert.token.TokenFields;
import dev.culvert.token.sign.TokenVerifier;
import java.time.Clock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Which key each enrolled token is bound to: the register {@code enrolments}, which binds token ids to thumbprints of keys. Of
 * two keys one is first, also when two gateways share the store. Blocks; for any thread but an event loop's.
 */
public final class Enrolments {
    static final String REGISTER = "enrolments";

    /** Expired tokens are refused in any case; the margin is for a clock that was set wrong for a while. */
    private static final Duration KEPT_AFTER_EXPIRY = TokenVerifier.CLOCK_SKEW.multipliedBy(60);

    private final Register register;

    private Enrolments(Register register) {
        this.register = register;
    }

    /**
     * Reads what is there, without the tokens that have expired for good.
     *
     * @throws StateException if it cannot be read, or holds something else
     */
    public static Enrolments open(Store store, Clock clock) throws StateException {
        return new Enrolments(
                store.register(REGISTER, clock.instant().minus(KEPT_AFTER_EXPIRY), (token, thumbprint) -> {
                    TokenFields.id(token);
                    TokenFields.sha256("key thumbprint", thumbprint);
                }));
    }

    /**
     * Binds the token to the key, if it is not bound to another one.
     *
     * @return the thumbprint of the key that it is bound to: this one, or the one that was first
     * @throws StateException if it could not be written: then it is not bound
     */
    public String enrol(Token token, String thumbprint) throws StateException {
        return register.bind(token.id(), thumbprint, token.expires());
    }

    /** The key that the token is bound to; null when it is not, as far as the store says. */
    public @Nullable String keyOf(Token token) throws StateException {
        return register.get(token.id());
    }
}
