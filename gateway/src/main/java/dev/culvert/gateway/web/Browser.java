package dev.culvert.gateway.web;

import io.netty.handler.codec.http.HttpRequest;
import java.net.InetAddress;

/**
 * Who is in front.
 *
 * @param address the other end of its connection
 * @param secure whether that is encrypted
 * @param trustedProxy whether it is a proxy that is believed in what it says of the browser: {@code X-Forwarded-*} and
 *     {@code Forwarded} are kept, and added to
 */
public record Browser(InetAddress address, boolean secure, boolean trustedProxy) {
    /** Who sends a request: for whom a site is open, and whose requests and wrong passwords count. */
    public InetAddress visitor(HttpRequest request) {
        return address;
    }
}
