/**
 * The {@code token} command: makes keys, makes, shows, lists and revokes tokens. Also what the four commands have in common:
 * {@link dev.culvert.token.cli.Program} runs them, {@link dev.culvert.token.cli.Shutdown} ends them in order, and
 * {@link dev.culvert.token.cli.HolderOptions} is how the agent and the client come by their token and its key.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.cli;
