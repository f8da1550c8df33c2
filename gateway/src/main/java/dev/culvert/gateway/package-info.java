/**
 * The public hub: authenticates links, authorises flows, switches frames. {@link dev.culvert.gateway.Gateway} is the list of
 * its parts, and {@link dev.culvert.gateway.GatewaySettings} what it is to be like; the parts are in the packages below.
 *
 * <p>A connection comes to the {@link dev.culvert.gateway.door.Door door}, whose last step is the {@link
 * dev.culvert.gateway.door.Authenticator}. It becomes a link, which the {@link dev.culvert.gateway.fabric.Fabric fabric}
 * switches; whom a flow is for is found in {@link dev.culvert.gateway.presence presence}, and whether it may be is {@link
 * dev.culvert.gateway.access access}. The rest is beside the path: {@link dev.culvert.gateway.limit limit} and {@link
 * dev.culvert.gateway.audit audit} are used by all, {@link dev.culvert.gateway.certificate certificate} by the door, and {@link
 * dev.culvert.gateway.memory memory} looks after all of them.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway;
