/**
 * What is published. {@link dev.culvert.gateway.publish.Publications} decides who publishes what, of what the policy says and
 * agents announce, and has it as a {@link dev.culvert.gateway.publish.PublicationTable}, which finds the
 * {@link dev.culvert.gateway.publish.Published} for a name and path or a port.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.publish;
