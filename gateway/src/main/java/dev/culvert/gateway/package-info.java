/**
 * The public hub: authenticates links, authorises flows, switches frames.
 *
 * <p>{@link dev.culvert.gateway.Gateway} listens; {@link dev.culvert.gateway.WebEdge} answers HTTP and turns an upgrade
 * with a good token into a link; what a link's frames do is a {@link dev.culvert.gateway.ClientLink} or an
 * {@link dev.culvert.gateway.AgentLink}, which find each other in the {@link dev.culvert.gateway.LinkRegistry}. A flow is
 * two {@link dev.culvert.gateway.FlowHalf}s, one a link, each used on its own link's event loop only.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway;
