/**
 * The page docs/protocol.md as code: what a frame is ({@link dev.culvert.tunnel.frame.Frame}), and what is in those that have
 * more to say: {@link dev.culvert.tunnel.frame.OpenRequest} with its {@link dev.culvert.tunnel.frame.Destination},
 * {@link dev.culvert.tunnel.frame.Announcement}, {@link dev.culvert.tunnel.frame.Drain}, datagrams and errors about them
 * ({@link dev.culvert.tunnel.frame.DatagramCodec}), and the {@link dev.culvert.tunnel.frame.Reason}s of refusals and resets.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.frame;
