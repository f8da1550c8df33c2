package dev.culvert.gateway.cluster;

import org.jspecify.annotations.Nullable;

/**
 * Another gateway of the cluster.
 *
 * @param attached what is attached to it; null when it is lost
 */
public record Neighbour(Member member, @Nullable Attached attached) {
    public boolean isUp() {
        return attached != null;
    }
}
