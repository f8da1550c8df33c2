/**
 * Names of the networks behind the agents. The stack hands over what is sent to {@link dev.culvert.client.names.NameService}'s address;
 * {@code Domains} says which agent has the domain that a question is about, and {@code AgentQuestions} asks that agent's own resolver,
 * byte for byte. Event loop of the uplink only.
 */
@NullMarked
package dev.culvert.client.names;

import org.jspecify.annotations.NullMarked;
