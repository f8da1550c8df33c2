package dev.culvert.token;

import dev.culvert.address.IpPrefix;
import org.jspecify.annotations.Nullable;

/**
 * A prefix that a client routes into the tunnel, written {@code 10.0.0.0/8} or {@code 10.0.0.0/8=office}.
 *
 * @param prefix the prefix
 * @param agent through which agent; null means whoever announces it
 */
public record Route(IpPrefix prefix, @Nullable String agent) {
    /**
     * Checks the agent's name.
     *
     * @throws IllegalArgumentException if it cannot be one
     */
    public Route {
        if (agent != null) {
            HolderName.require("agent", agent);
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with one line that says what is wrong
     */
    public static Route parse(String text) {
        int equals = text.indexOf('=');
        return equals < 0
                ? new Route(IpPrefix.parse(text), null)
                : new Route(IpPrefix.parse(text.substring(0, equals)), text.substring(equals + 1));
    }

    @Override
    public String toString() {
        return agent == null ? prefix.toString() : prefix + "=" + agent;
    }
}
