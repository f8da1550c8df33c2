package dev.culvert.address.proxy;

import dev.culvert.address.AddressText;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The proxy that the environment names, as curl reads it: {@code https_proxy} or {@code HTTPS_PROXY} for a gateway with TLS, {@code
 * http_proxy} for one without, then {@code all_proxy} or {@code ALL_PROXY}, unless {@code no_proxy} or {@code NO_PROXY} names the
 * gateway. An {@code HTTP_PROXY} in capitals is left alone: to a program that a web server started it is a request's header.
 */
public final class ProxyEnvironment implements ProxyChoice {
    private static final List<String> TLS = List.of("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY");
    private static final List<String> PLAIN = List.of("http_proxy", "all_proxy", "ALL_PROXY");
    private static final List<String> EXCEPT = List.of("no_proxy", "NO_PROXY");

    private final Map<String, String> environment;

    /** @param environment {@code System.getenv()} but in tests */
    public ProxyEnvironment(Map<String, String> environment) {
        this.environment = environment;
    }

    @Override
    public @Nullable Proxy of(URI gateway) {
        boolean tls = "wss".equals(gateway.getScheme());
        String variable = first(tls ? TLS : PLAIN);
        int given = AddressText.port(gateway);
        int port = given > 0 ? given : tls ? 443 : 80;
        String except = first(EXCEPT);
        String exceptions = except == null ? "" : environment.getOrDefault(except, "");
        if (variable == null || NoProxy.parse(exceptions).covers(AddressText.host(gateway), port)) {
            return null;
        }
        try {
            return Proxy.parse(environment.getOrDefault(variable, ""));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "environment variable " + variable + ": " + e.getMessage() + "; or say --proxy " + Proxy.NONE, e);
        }
    }

    /** The first that is set, and to more than nothing. */
    private @Nullable String first(List<String> names) {
        for (String name : names) {
            if (!environment.getOrDefault(name, "").isBlank()) {
                return name;
            }
        }
        return null;
    }
}
