/**
 * The {@code token} command: makes keys, makes, shows, lists and revokes tokens. Also
 * {@link dev.culvert.token.cli.HolderOptions}: how the agent and the client come by their token and its key.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.cli;
