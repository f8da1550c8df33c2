/**
 * The listener side of TCP (RFC 9293) as a library: segments in, Netty channels out.
 *
 * <p>A {@link dev.culvert.stack.tcp.TcpEndpoint} owns every connection of one packet channel. A SYN becomes a small
 * {@link dev.culvert.stack.tcp.TcpRequest}; only when its owner accepts it does a
 * {@link dev.culvert.stack.tcp.TcpFlow} (a duplex channel) come into being.
 *
 * <p>Thread rule: everything here runs on the event loop of the packet channel; nothing is locked. Only
 * {@link dev.culvert.stack.tcp.TcpCounters} may be read from other threads.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.stack.tcp;
