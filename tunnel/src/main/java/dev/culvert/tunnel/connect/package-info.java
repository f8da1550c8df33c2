/**
 * From an agent or a client to a gateway. A {@link dev.culvert.tunnel.connect.LinkKeeper} keeps one link up: by
 * {@link dev.culvert.tunnel.connect.LinkConnector}s, one for each gateway, with a {@link dev.culvert.tunnel.connect.Backoff}
 * between attempts. Names of gateways are resolved off the event loop ({@link dev.culvert.tunnel.connect.OffLoopNames}).
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.connect;
