/**
 * Packets to flows and back: a TCP/IP stack as a library. {@link dev.culvert.stack.IpStack} is a handler in the pipeline of a
 * channel of packets; each flow that it finds is a child channel, shown to a {@link dev.culvert.stack.StackListener}: TCP
 * connections as {@link dev.culvert.stack.tcp.TcpRequest}, UDP endpoints as {@link dev.culvert.stack.UdpFlow}, pings as {@link
 * dev.culvert.stack.EchoFlow}.
 *
 * <p>A packet goes through {@code IpInput} (parse, reassemble) to TCP, {@code UdpInput} or {@code IcmpInput}, and from there
 * into a flow; {@code StackPort} is the way back.
 *
 * <p>Thread rule: everything happens on the event loop of the packet channel; nothing is locked. Only {@link
 * dev.culvert.stack.StackStats} may be read from other threads.
 */
@NullMarked
package dev.culvert.stack;

import org.jspecify.annotations.NullMarked;
