package dev.culvert.gateway.fabric;

import org.jspecify.annotations.Nullable;

/** Which instances take the flows of a link: an end in the gateway itself may choose, others are given one. */
@FunctionalInterface
public interface InstanceChoice {
    /** The least loaded, of each flow. */
    InstanceChoice NONE = flowId -> null;

    /**
     * Which instance shall take a flow that is being opened; asked once, on the event loop of its link.
     *
     * @return its {@linkplain dev.culvert.gateway.presence.PresentAgent#answerer answerer}: no other takes the flow; null for any
     */
    @Nullable
    String of(int flowId);
}
