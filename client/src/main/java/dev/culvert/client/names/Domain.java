package dev.culvert.client.names;

import dev.culvert.address.HostPattern;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.names.ResolverName;
import org.jspecify.annotations.Nullable;

/**
 * A domain that is asked for through the tunnel.
 *
 * @param name in its compared form; names at and below it are meant
 * @param agent whose resolver is asked; null for one that the token lets ask
 */
public record Domain(String name, @Nullable String agent) {
    /**
     * Reads {@code DOMAIN[=AGENT]}.
     *
     * @throws IllegalArgumentException in one line
     */
    public static Domain parse(String text) {
        int equals = text.indexOf('=');
        String name = HostPattern.normalize(equals < 0 ? text : text.substring(0, equals));
        String agent = equals < 0 ? null : text.substring(equals + 1);
        if (name == null || name.length() > ResolverName.MAX_DOMAIN) {
            throw new IllegalArgumentException("'" + Printable.shorten(text)
                    + "' is no domain: write it like corp.example or corp.example=office");
        }
        if (agent != null && !HolderName.isValid(agent)) {
            throw new IllegalArgumentException("'" + Printable.shorten(agent) + "' is no agent's name");
        }
        return new Domain(name, agent);
    }

    @Override
    public String toString() {
        return agent == null ? name : name + "=" + agent;
    }
}
