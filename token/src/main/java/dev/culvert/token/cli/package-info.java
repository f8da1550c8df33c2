/**
 * The {@code token} command: makes keys, mints tokens, and says in words what a token holds. Also the
 * {@link dev.culvert.token.cli.TokenOption} through which the agent's and client's commands take their token.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.cli;
