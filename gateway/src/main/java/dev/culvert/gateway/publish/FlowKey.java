package dev.culvert.gateway.publish;

import dev.culvert.tunnel.flow.LinkFlow;
import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import org.jspecify.annotations.Nullable;

/**
 * By what the audit log knows a flow of the gateway's own: its members {@code clientLink} and {@code flow}.
 *
 * @param link number of the gateway's own link that the flow was opened over
 * @param number of the flow in its session; null for datagrams, which have none
 */
public record FlowKey(long link, @Nullable Long number) {
    private static final AttributeKey<FlowKey> KEY = AttributeKey.valueOf(FlowKey.class, "key");

    static void mark(LinkFlow flow, long link) {
        flow.attr(KEY).set(new FlowKey(link, flow.request().destination().isStream() ? flow.number() : null));
    }

    /** Null for a channel that is no such flow. */
    public static @Nullable FlowKey of(Channel channel) {
        return channel.attr(KEY).get();
    }
}
