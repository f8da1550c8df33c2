package dev.culvert.policy;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one client may use at most, over all links of its name. The first entry of the file that names the client counts.
 *
 * @param who clients
 * @param flows open at once; {@link #UNLIMITED} for the gateway's own bound only
 * @param newFlowsPerSecond in the mean; as many may come at once; {@link #UNLIMITED} for no bound
 * @param up what it may send; null for no bound
 * @param down what it may be sent; null for no bound
 */
public record ClientLimits(
        List<Selector> who,
        int flows,
        int newFlowsPerSecond,
        @Nullable BitRate up,
        @Nullable BitRate down) {
    /** No limit. */
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /** No limits, for whom the file names none. */
    public static final ClientLimits NONE = new ClientLimits(List.of(Selector.ALL), UNLIMITED, UNLIMITED, null, null);
}
