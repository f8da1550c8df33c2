package dev.culvert.address.proxy;

import java.net.URI;
import org.jspecify.annotations.Nullable;

/** Which proxy, if any, a gateway is reached through. */
@FunctionalInterface
public interface ProxyChoice {
    /** None, for any gateway. */
    ProxyChoice DIRECT = gateway -> null;

    /**
     * The proxy for a gateway; null when it is reached directly.
     *
     * @throws IllegalArgumentException if what is set cannot be understood; one line for people
     */
    @Nullable
    Proxy of(URI gateway);

    /** One for all. */
    static ProxyChoice always(Proxy proxy) {
        return gateway -> proxy;
    }
}
