package dev.culvert.gateway.fabric;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/**
 * The policy of several gateways, in a store that may lose what was written to it last. Whoever looks takes what is newer than its own
 * copy, and puts its own back where that is newer (docs/decisions/0029).
 */
@NullUnmarked
final class SimulatedStore {
    /** @param revision the greater is newer; of two alike, which were made on both sides of a loss, all prefer the same */
    record Policy(int revision, String rules) implements Comparable<Policy> {
        static final Policy NONE = new Policy(0, "");

        private static final Comparator<Policy> ORDER =
                Comparator.comparingInt(Policy::revision).thenComparing(Policy::rules);

        @Override
        public int compareTo(Policy other) {
            return ORDER.compare(this, other);
        }
    }

    private final List<Policy> written = new ArrayList<>(List.of(Policy.NONE));

    Policy policy() {
        return written.get(written.size() - 1);
    }

    /** Somebody makes another one, the next after what is here. */
    void push(String rules) {
        written.add(new Policy(policy().revision() + 1, rules));
    }

    /** What was written last is gone, as after a change to an engine's replica that was behind. */
    void loses(int writes) {
        for (int i = 0; i < writes && written.size() > 1; i++) {
            written.remove(written.size() - 1);
        }
    }

    /** @return what a gateway has from now on that had this one */
    Policy seenBy(Policy own) {
        if (own.compareTo(policy()) > 0) {
            written.add(own);
        }
        return policy();
    }
}
