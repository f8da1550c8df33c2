/**
 * The way to a gateway through a proxy of somebody else's network: HTTP CONNECT, in TLS or not, and SOCKS5. Event loop only.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.proxy;
