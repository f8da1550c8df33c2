package dev.culvert.gateway.door;

import dev.culvert.gateway.limit.Counters;
import io.netty.channel.Channel;

/**
 * Connections that have just been made, at any port.
 *
 * @param proxies whose connections are somebody else's
 * @param strangers have a place for them until they are known
 */
record Arrivals(ProxiesInFront proxies, Strangers strangers, Counters counters) {
    /**
     * Does {@code then} when it is known whose the connection is ({@link Visitor#of}): at once, unless it comes from a balancer. It
     * may install handlers behind those that are there, or close the connection. Call with nothing read; behind a balancer
     * {@code autoRead} is switched off.
     */
    void whenKnown(Channel channel, Runnable then) {
        BehindBalancer.whenKnown(channel, this, then);
    }
}
