/**
 * One authenticated WebSocket. {@link dev.culvert.tunnel.link.UpgradeRequest} asks for it, with a
 * {@link dev.culvert.tunnel.link.LinkProof} that the key is there which the token is bound to, of a gateway that
 * {@link dev.culvert.tunnel.link.GatewayTrust} believes, over TLS whose keys come of a {@link
 * dev.culvert.tunnel.link.KeyExchange}; {@link dev.culvert.tunnel.link.LinkUpgrade} makes the channel a
 * {@link dev.culvert.tunnel.link.Link}, the last handler of the TCP or TLS channel, which hands frames to a
 * {@link dev.culvert.tunnel.link.FrameReceiver}: the gateway's switch, or flows. What they need of a link is a
 * {@link dev.culvert.tunnel.link.Carrier}.
 *
 * <p>Thread rule: everything of one link happens on its channel's event loop. Buffer rule: a method that takes a
 * {@code ByteBuf} named {@code payload} takes ownership of it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.link;
