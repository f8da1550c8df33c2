package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.util.ServiceLoader;
import java.util.Set;

/** A kind of engine. A module that has one provides it by this name, so that who keeps state knows none of them. */
public interface EngineKind {
    /** Of the addresses that it opens. */
    Set<String> schemes();

    /**
     * Opens an engine; touches the network only when it is first asked something.
     *
     * @throws StateException with one line for people, if nothing can come of that address
     */
    Engine open(StoreAddress address) throws StateException;

    /**
     * The kind that an address is of.
     *
     * @throws StateException if this installation has none
     */
    static EngineKind of(StoreAddress address) throws StateException {
        for (EngineKind kind : ServiceLoader.load(EngineKind.class)) {
            if (kind.schemes().contains(address.scheme())) {
                return kind;
            }
        }
        throw new StateException("store " + address + ": this installation has no engine for " + address.scheme()
                + ": is the jar of store-redis among its libraries?");
    }
}
