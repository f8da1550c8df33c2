package dev.culvert.store.cluster;

import dev.culvert.store.StateException;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which of two values of one name stands: the one in the engine, or the one that a gateway's copy holds. Of a document the one with the
 * higher revision, into which a {@link Union} takes what the other ends; of a binding the one that was bound first. Of two that are
 * even in that, the one whose nonce is the greater number, so that all gateways choose alike.
 */
final class Merge {
    private static final Logger log = LoggerFactory.getLogger(Merge.class);

    private final Seal seal;
    private final Map<String, Union> unions;

    /** @param unions by the documents' names */
    Merge(Seal seal, Map<String, Union> unions) {
        this.seal = seal;
        this.unions = Map.copyOf(unions);
    }

    /** Whether a value goes before another of the same name; both were opened, so that their revisions are true. */
    static boolean beats(String key, byte[] one, byte[] other) {
        int difference = Long.compare(Seal.revision(one), Seal.revision(other));
        if (difference == 0) {
            return Arrays.compareUnsigned(one, 0, Seal.HEADER, other, 0, Seal.HEADER) > 0;
        }
        return ClusterStore.isBinding(key) ? difference < 0 : difference > 0;
    }

    /**
     * What stands.
     *
     * @param there what the engine says; empty for nothing
     * @param held what the copy holds, which was opened once; null for nothing
     * @return one of the two, or a new one; null when there is none that can be believed
     */
    byte @Nullable [] of(String key, byte[] there, byte @Nullable [] held) {
        Seal.Opened opened = seal.open(key, there);
        if (opened == null) {
            return held;
        }
        if (held == null || Arrays.equals(there, held)) {
            return there;
        }
        boolean heldStands = beats(key, held, there);
        byte[] stands = heldStands ? held : there;
        Union union = ClusterStore.isBinding(key) ? null : unions.get(ClusterStore.documentName(key));
        Seal.Opened ours = seal.open(key, held);
        if (union == null || ours == null) {
            return stands;
        }
        Seal.Opened later = heldStands ? ours : opened;
        try {
            String text = union.of(later.text(), (heldStands ? opened : ours).text());
            return text.equals(later.text()) ? stands : seal.close(key, later.revision() + 1, text);
        } catch (StateException e) {
            log.error("{}: the newer one stands as it is: {}", key, e.getMessage());
            return stands;
        }
    }
}
