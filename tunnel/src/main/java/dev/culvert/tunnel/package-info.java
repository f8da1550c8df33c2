/**
 * Link, frames, flow channels, credit and relay: what gateway, agent and client share.
 *
 * <p>A {@link dev.culvert.tunnel.Link} sits on the TCP/TLS channel of an upgraded WebSocket and turns bytes into
 * frames ({@link dev.culvert.tunnel.Frame}); outgoing frames pass through its {@link dev.culvert.tunnel.FairWriter},
 * one {@link dev.culvert.tunnel.Outlet} a flow. What happens to incoming frames is a
 * {@link dev.culvert.tunnel.FrameReceiver}: the gateway's switch, or, at a client or agent, the
 * {@link dev.culvert.tunnel.FlowMultiplexer}, which makes every flow a child channel
 * ({@link dev.culvert.tunnel.LinkFlow}). A {@link dev.culvert.tunnel.Relay} joins any two channels.
 *
 * <p>Thread rule: everything of one link happens on its channel's event loop. Buffer rule: a method that takes a
 * {@code ByteBuf} named {@code payload} takes ownership of it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel;
