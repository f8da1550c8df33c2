/**
 * What is published. {@link dev.culvert.gateway.publish.Publications} decides who publishes what, of what the policy says and
 * agents announce, and has it as a {@link dev.culvert.gateway.publish.PublicationTable}, which finds the
 * {@link dev.culvert.gateway.publish.Published} for a name and path or a port, and the
 * {@link dev.culvert.gateway.publish.PublicationUsage} that says who is let in there by its options. For whoever comes there the gateway is an end of flows as
 * a client is: {@link dev.culvert.gateway.publish.PublishedFlows} opens them, over links that never leave their event loops.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.publish;
