/**
 * The public hub: authenticates links, authorises flows, switches frames.
 *
 * <p>{@link dev.culvert.gateway.Gateway} is the list of its parts. Connections come to the {@link
 * dev.culvert.gateway.Door}; {@link dev.culvert.gateway.WebEdge} answers HTTP, and an upgrade with a good token becomes a
 * link ({@link dev.culvert.gateway.LinkGate}). Its frames go through the {@link dev.culvert.gateway.FrameSwitch} that the
 * {@link dev.culvert.gateway.Fabric} makes for it, which asks the link's {@link dev.culvert.gateway.Role} when flows are
 * opened: a {@link dev.culvert.gateway.ClientRole} finds an {@link dev.culvert.gateway.AgentRole} in the {@link
 * dev.culvert.gateway.Presence}. A flow is two {@link dev.culvert.gateway.FlowHalf}s, each of which belongs to a {@link
 * dev.culvert.gateway.Side}, a {@link dev.culvert.gateway.LinkSide} for one, and is used on that side's event loop only.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway;
