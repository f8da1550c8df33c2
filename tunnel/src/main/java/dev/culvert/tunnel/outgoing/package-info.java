/**
 * What is written next, and how fast. A flow puts frames into its {@link dev.culvert.tunnel.outgoing.Outlet}; the
 * {@link dev.culvert.tunnel.outgoing.FairQueue} says whose turn it is; the {@link dev.culvert.tunnel.outgoing.FairWriter}
 * gathers frames into records, control frames first, while the socket ({@link dev.culvert.tunnel.outgoing.SocketDepth}) and a
 * {@link dev.culvert.tunnel.outgoing.Bandwidth} allow. Who writes to a link knows it as a
 * {@link dev.culvert.tunnel.outgoing.FrameWriter}. A {@link dev.culvert.tunnel.outgoing.Shaper} holds frames to a bandwidth on
 * their way to a writer.
 *
 * <p>Event loop only. A method that takes a {@code ByteBuf} named {@code payload} takes ownership of it.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.outgoing;
