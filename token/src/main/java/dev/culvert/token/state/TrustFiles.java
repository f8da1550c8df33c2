package dev.culvert.token.state;

import dev.culvert.token.sign.TokenVerifier;
import dev.culvert.token.sign.Trust;
import dev.culvert.token.sign.VerificationKey;
import java.io.IOException;
import java.util.List;

/**
 * The {@link Trust} of a state directory, read again when keys are rotated or retired and when the gateway gets another
 * name. A gateway calls {@link #refresh} a few times a second (two stat(2) while nothing changes; not on an event loop) and
 * gives {@link #current} to its {@link TokenVerifier}; that may be called from any thread.
 */
public final class TrustFiles {
    private final ReloadingFile<List<VerificationKey>> keys;
    private final ReloadingFile<GatewayUrlFile.Content> urls;
    private volatile Trust current;

    TrustFiles(SigningKeys keyFile, GatewayUrlFile urlFile) throws StateException {
        try {
            keys = new ReloadingFile<>(keyFile.path(), keyFile::verificationKeys);
            urls = new ReloadingFile<>(urlFile.path(), urlFile::read);
        } catch (StateException e) {
            throw e;
        } catch (IOException e) {
            throw new StateException("state directory cannot be examined: " + StateFiles.reason(e), e);
        }
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
     * @throws IOException with one line for people, if it cannot be read; what was known stays, and the next call tries
     *     again
     */
    public boolean refresh() throws IOException {
        boolean changed = false;
        try {
            changed = keys.refresh();
        } finally {
            changed |= urls.refresh();
            if (changed) {
                current = compile();
            }
        }
        return changed;
    }
}
