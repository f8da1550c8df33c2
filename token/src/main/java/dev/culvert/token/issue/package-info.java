/** The {@code token} command: makes keys, makes, shows, lists and revokes tokens. Its root is {@link dev.culvert.token.issue.TokenCommand}. */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.issue;
