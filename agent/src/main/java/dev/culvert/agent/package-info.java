/**
 * Answers flows by dialling their destinations from ordinary sockets.
 *
 * <p>{@link dev.culvert.agent.Agent} keeps the link up and hands each flow, once
 * {@link dev.culvert.agent.DestinationGuard} has agreed to the very address that will be dialled, to
 * {@link dev.culvert.agent.TcpDialer}, {@link dev.culvert.agent.UdpMappings} or
 * {@link dev.culvert.agent.EchoSessions}. Everything of one link runs on one event loop; only name look-ups have threads
 * of their own. How it ends is {@link dev.culvert.agent.Draining}'s.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.agent;
