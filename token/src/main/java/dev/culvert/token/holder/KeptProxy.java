package dev.culvert.token.holder;

import dev.culvert.address.proxy.Proxy;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What was said of the proxy on the way to a token's gateways, as it is kept beside the token: a line with its URL, and one with the
 * user and the password if it asks for them.
 *
 * @param proxy null when there shall be none, whatever the environment says
 */
record KeptProxy(@Nullable Proxy proxy) {
    static final KeptProxy NONE = new KeptProxy(null);

    /** @throws IllegalArgumentException if it is none; says nothing of a password */
    static KeptProxy read(String text) {
        List<String> lines = text.lines().toList();
        if (lines.isEmpty() || lines.size() > 2) {
            throw new IllegalArgumentException("it is not what 'login --proxy' writes");
        }
        if (lines.get(0).equals(Proxy.NONE)) {
            return NONE;
        }
        Proxy proxy = Proxy.parse(lines.get(0));
        return new KeptProxy(lines.size() < 2 ? proxy : proxy.withLogin(Proxy.Login.parse(lines.get(1))));
    }

    /** For {@link #read}. */
    String text() {
        if (proxy == null) {
            return Proxy.NONE + "\n";
        }
        Proxy.Login login = proxy.login();
        return proxy + "\n" + (login == null ? "" : login.user() + ":" + login.password() + "\n");
    }

    /** As {@link dev.culvert.address.proxy.ProxyChoice} has it. */
    @Nullable
    Proxy of(URI gateway) {
        return proxy;
    }

    @Override
    public String toString() {
        return proxy == null ? "through no proxy" : "through the proxy " + proxy;
    }
}
