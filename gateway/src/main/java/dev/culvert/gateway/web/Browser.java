package dev.culvert.gateway.web;

import dev.culvert.address.IpPrefix;
import io.netty.handler.codec.http.HttpRequest;
import java.net.InetAddress;
import java.util.List;

/**
 * Who is in front.
 *
 * @param address the other end of its connection
 * @param secure whether that is encrypted
 * @param trusted proxies that are believed in what they say of the browser: {@code X-Forwarded-*} and {@code Forwarded} of
 *     theirs are kept, and added to
 */
public record Browser(InetAddress address, boolean secure, List<IpPrefix> trusted) {
    public Browser {
        trusted = List.copyOf(trusted);
    }

    /** Whether the connection comes from such a proxy. */
    public boolean trustedProxy() {
        return isTrusted(address);
    }

    /**
     * Who sends a request: for whom a site is open, and whose requests and wrong passwords count. The other end of the connection, or
     * whom trusted proxies name.
     */
    public InetAddress visitor(HttpRequest request) {
        return trustedProxy() ? ForwardedFor.visitor(request.headers(), this) : address;
    }

    /**
     * Whether trusted proxies name two different visitors, in {@code X-Forwarded-For} and in {@code Forwarded}: one of them has passed by
     * a proxy that does not know it, and nobody can say which. Such a request is nobody's.
     */
    public boolean isContradicted(HttpRequest request) {
        return trustedProxy() && ForwardedFor.contradicts(request.headers(), this);
    }

    boolean isTrusted(InetAddress proxy) {
        for (IpPrefix prefix : trusted) {
            if (prefix.contains(proxy)) {
                return true;
            }
        }
        return false;
    }
}
