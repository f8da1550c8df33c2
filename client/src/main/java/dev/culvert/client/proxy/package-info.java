/**
 * {@code client proxy}: one port at which applications ask for destinations by SOCKS or HTTP. Built on the
 * {@linkplain dev.culvert.client.uplink uplink} and what {@link dev.culvert.client.forward} has for connections.
 *
 * <p>A connection begins at {@code ProxyFront}, which tells by its first byte what is spoken. {@code SocksFront} answers a handshake, and
 * hands the connection to a {@link dev.culvert.client.forward.SocketSplice} or opens {@code SocksDatagrams}; {@code HttpFront} does so
 * for CONNECT, and has an {@code HttpExchange} for each request that it sends on, as {@code ProxyRequest} and {@code ProxyHeaders} say.
 * {@code Destinations} opens flows; {@code Refusals} says what of their ends a client is told.
 */
@NullMarked
package dev.culvert.client.proxy;

import org.jspecify.annotations.NullMarked;
