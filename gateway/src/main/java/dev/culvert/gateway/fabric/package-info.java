/**
 * What links are woven into: the switch of frames.
 *
 * <p>In the order of the path: the {@link dev.culvert.gateway.fabric.Fabric} makes a {@link
 * dev.culvert.gateway.fabric.FrameSwitch} for a link, with a {@link dev.culvert.gateway.fabric.LinkLife} (whose it is, and
 * until when) and a {@link dev.culvert.gateway.fabric.Role}: a {@link dev.culvert.gateway.fabric.ClientRole} judges an OPEN
 * and joins it to an {@link dev.culvert.gateway.fabric.AgentRole}, which knows the client's session by what the {@link
 * dev.culvert.gateway.fabric.LinkSession} says. From then on a flow is two {@link
 * dev.culvert.gateway.fabric.FlowHalf}s, each of which belongs to a {@link dev.culvert.gateway.fabric.Side} and is used on its
 * event loop only. A frame passes its {@link dev.culvert.gateway.fabric.FrameRules}, waits for the sender's bandwidth ({@link
 * dev.culvert.gateway.fabric.HeldUploads}), crosses to the other loop ({@link dev.culvert.gateway.fabric.Crossings}, {@link
 * dev.culvert.gateway.fabric.Inbox}) and is queued by the other {@link dev.culvert.gateway.fabric.LinkSide} for its peer, as
 * far as there is room ({@link dev.culvert.gateway.fabric.BacklogShare}). In the end the {@link
 * dev.culvert.gateway.fabric.FlowRecord} is written down.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.fabric;
