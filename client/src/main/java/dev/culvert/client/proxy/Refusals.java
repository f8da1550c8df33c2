package dev.culvert.client.proxy;

import dev.culvert.tunnel.frame.Reason;
import io.netty.handler.codec.http.HttpResponseStatus;

/** From why a flow was refused to what a client of the proxy is told. */
final class Refusals {
    // RFC 1928 section 6.
    static final int SUCCEEDED = 0;
    static final int GENERAL_FAILURE = 1;
    static final int NOT_ALLOWED = 2;
    static final int NETWORK_UNREACHABLE = 3;
    static final int HOST_UNREACHABLE = 4;
    static final int CONNECTION_REFUSED = 5;
    static final int TTL_EXPIRED = 6;
    static final int COMMAND_NOT_SUPPORTED = 7;
    static final int ADDRESS_TYPE_NOT_SUPPORTED = 8;

    private Refusals() {}

    /** The reply of SOCKS5; it has none for a time-out, for which others too say that the TTL expired. */
    static int socks(Reason reason) {
        return switch (reason) {
            case CONNECTION_REFUSED, RESET, UNKNOWN, MOVED -> CONNECTION_REFUSED;
            case TIMED_OUT -> TTL_EXPIRED;
            case HOST_UNREACHABLE, NAME_NOT_FOUND -> HOST_UNREACHABLE;
            case NETWORK_UNREACHABLE, NO_AGENT -> NETWORK_UNREACHABLE;
            case PROHIBITED, UNSUPPORTED -> NOT_ALLOWED;
            case OVERLOADED, LINK_LOST, SHUTTING_DOWN, CANCELLED, UNSPECIFIED, PROTOCOL_ERROR, IDLE -> GENERAL_FAILURE;
        };
    }

    static HttpResponseStatus http(Reason reason) {
        return switch (reason) {
            case CONNECTION_REFUSED, RESET, UNKNOWN, MOVED -> HttpResponseStatus.BAD_GATEWAY;
            case HOST_UNREACHABLE, NAME_NOT_FOUND, NETWORK_UNREACHABLE, NO_AGENT -> HttpResponseStatus.BAD_GATEWAY;
            case UNSPECIFIED, PROTOCOL_ERROR, IDLE -> HttpResponseStatus.BAD_GATEWAY;
            case TIMED_OUT -> HttpResponseStatus.GATEWAY_TIMEOUT;
            case PROHIBITED, UNSUPPORTED -> HttpResponseStatus.FORBIDDEN;
            case OVERLOADED, LINK_LOST, SHUTTING_DOWN, CANCELLED -> HttpResponseStatus.SERVICE_UNAVAILABLE;
        };
    }
}
