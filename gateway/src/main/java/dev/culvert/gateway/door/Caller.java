package dev.culvert.gateway.door;

import io.netty.handler.ssl.SslHandler;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * A visitor's connection to a published name, of which targets may be told. On its event loop.
 *
 * @param name that TLS asked for
 * @param ended the TLS that ends here; null for none
 */
record Caller(Visitor visitor, String name, @Nullable SslHandler ended) {
    /** What a target is told; equal for one connection. */
    ProxyHeader header(int version) {
        SslHandler handler = ended;
        if (version == 1 || handler == null) {
            return new ProxyHeader(version, visitor, null, null);
        }
        SSLSession session = handler.engine().getSession();
        return new ProxyHeader(
                version,
                visitor,
                name,
                new ProxyHeader.Tls(session.getProtocol(), session.getCipherSuite(), handler.applicationProtocol()));
    }
}
