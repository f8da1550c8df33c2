/**
 * Flows on a link. The {@link dev.culvert.tunnel.flow.FlowMultiplexer} makes each a child channel
 * ({@link dev.culvert.tunnel.flow.LinkFlow}): opened here, or come in ({@link dev.culvert.tunnel.flow.IncomingFlow}, told to a
 * {@link dev.culvert.tunnel.flow.FlowListener}). What comes in goes through {@link dev.culvert.tunnel.flow.FlowInput} with its
 * {@link dev.culvert.tunnel.flow.ReceiveWindow}, which grows out of the {@link dev.culvert.tunnel.flow.CreditBudget}. A
 * {@link dev.culvert.tunnel.flow.Relay} joins any two channels.
 *
 * <p>Thread rule: everything of one link happens on its channel's event loop.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tunnel.flow;
