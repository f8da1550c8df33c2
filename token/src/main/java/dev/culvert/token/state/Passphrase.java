package dev.culvert.token.state;

import dev.culvert.store.StateException;
import java.io.IOException;

/** Where the passphrase of an encrypted signing key comes from: a terminal, a file, the environment; never an argument. */
public interface Passphrase {
    /** For keys that are not encrypted: there is none. */
    Passphrase NONE = what -> {
        throw new StateException(what + " is encrypted with a passphrase: give it with --passphrase-file FILE, in"
                + " CULVERT_PASSPHRASE, or on a terminal");
    };

    /**
     * The passphrase. Asked for only when it is needed; the caller overwrites it after use.
     *
     * @param what the file that it is for
     * @throws IOException with one line for people, if there is none
     */
    char[] get(String what) throws IOException;
}
