package dev.culvert.token.state;

import dev.culvert.store.FileStore;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;

/** Where what gateways share is kept; {@code StoreOptions} says what an operator chose. */
public interface SharedStore {
    /** In the state directory itself: of one gateway, or of several on one machine. */
    SharedStore SAME = own -> own;

    /**
     * Opens it.
     *
     * @param own the state directory
     * @throws StateException with one line for people
     */
    Store open(FileStore own) throws StateException;
}
