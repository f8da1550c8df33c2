package dev.culvert.token.state;

import dev.culvert.store.StateException;
import dev.culvert.store.Watch;
import dev.culvert.token.sign.TokenVerifier;
import dev.culvert.token.sign.Trust;
import dev.culvert.token.sign.VerificationKey;
import java.util.List;

/**
 * The {@link Trust} of a state directory, read again when keys are rotated or retired and when the gateway gets another
 * name. A gateway calls {@link #refresh} a few times a second (two stat(2) while nothing changes; not on an event loop) and
 * gives {@link #current} to its {@link TokenVerifier}; that may be called from any thread.
 */
public final class TrustFiles {
    private final Watch<List<VerificationKey>> keys;
    private final Watch<GatewayUrlFile.Content> urls;
    private volatile Trust current;

    TrustFiles(SigningKeys keyFile, GatewayUrlFile urlFile) throws StateException {
        keys = keyFile.watch();
        urls = urlFile.watch();
        current = compile();
    }

    private Trust compile() {
        return Trust.of(keys.current(), urls.current().accepted());
    }

    /** What counts now. */
    public Trust current() {
        return current;
    }

    /**
     * Reads what has changed. Blocks; from one thread at a time.
     *
     * @return true if something has
     * @throws StateException with one line for people, if it cannot be read; what was known stays, and the next call tries
     *     again
     */
    public boolean refresh() throws StateException {
        StateException failed = null;
        boolean changed = false;
        try {
            changed = keys.refresh();
        } catch (StateException e) {
            failed = e;
        }
        try {
            changed |= urls.refresh();
        } catch (StateException e) {
            failed = e;
        }
        if (changed) {
            current = compile();
            return true; // what could not be read is said the next time: a key that was retired ends links now
        }
        if (failed != null) {
            throw failed;
        }
        return false;
    }
}
