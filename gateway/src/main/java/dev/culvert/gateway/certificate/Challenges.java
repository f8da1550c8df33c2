package dev.culvert.gateway.certificate;

import org.jspecify.annotations.Nullable;

/** What a certificate authority asks to see, to know that a name is ours. Never blocks; from any thread. */
public interface Challenges {
    /** Below it on port 80 lies the answer to each token (RFC 8555 section 8.3). */
    String HTTP_PATH = "/.well-known/acme-challenge/";

    /** The protocol by which an authority asks on port 443 (RFC 8737). */
    String TLS_PROTOCOL = "acme-tls/1";

    /** Where nothing is ever asked. */
    Challenges NONE = new Challenges() {
        @Override
        public @Nullable String keyAuthorization(String token) {
            return null;
        }

        @Override
        public @Nullable Certificate tlsAlpn(String serverName) {
            return null;
        }
    };

    /**
     * What to answer on port 80, as {@code application/octet-stream}, under any host name.
     *
     * @param token what follows {@link #HTTP_PATH}
     * @return null when nothing is being proved by this token: 404
     */
    @Nullable
    String keyAuthorization(String token);

    /**
     * What to show on port 443 to a peer that offers {@link #TLS_PROTOCOL} and nothing else. It is selected, and after the
     * handshake the connection is closed.
     *
     * @return null when nothing is being proved for this name: the connection is closed
     */
    @Nullable
    Certificate tlsAlpn(String serverName);
}
