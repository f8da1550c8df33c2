/**
 * Who is connected. {@link dev.culvert.gateway.presence.Links} has every {@link dev.culvert.gateway.presence.PresentLink};
 * {@link dev.culvert.gateway.presence.Presence} has those that flows are about: {@link
 * dev.culvert.gateway.presence.PresentAgent}s by the agent whose {@link dev.culvert.gateway.presence.AgentInstances} they are,
 * one of which is picked for a flow, and {@link dev.culvert.gateway.presence.PresentClient}s, which are told of agents. Knows
 * links as far as these interfaces say, and nothing of frames.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.presence;
