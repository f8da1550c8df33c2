/**
 * What a running gateway tells of itself to whom asks on its control socket: {@link
 * dev.culvert.gateway.status.GatewayStatus}, gathered from what every part lets be read from any thread.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.status;
