/**
 * Connections of applications joined to flows without an interface: {@code client connect} and {@code client forward}. Built on the
 * {@linkplain dev.culvert.client.uplink uplink}; needs no root.
 *
 * <p>{@code ConnectCommand} joins the process's own {@code StandardStreams} to one flow. {@code ForwardCommand}
 * opens {@code ForwardPorts} for each {@code Forward}; a connection that comes in is a {@code SocketSplice} until its flow is there, a
 * datagram goes to its sender's flow of {@code ForwardedDatagrams}.
 */
@NullMarked
package dev.culvert.client.forward;

import org.jspecify.annotations.NullMarked;
