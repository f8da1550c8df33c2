/**
 * What an agent or a client keeps, and how it comes by it: its token ({@link dev.culvert.token.holder.TokenInput}, from a file,
 * standard input or the environment: {@link dev.culvert.token.holder.SecretSource}, or from what it was logged in with:
 * {@link dev.culvert.token.holder.Profiles}), and the key that the token is bound to
 * ({@link dev.culvert.token.holder.HolderKey}, in the {@link dev.culvert.token.holder.HolderDirectory}). There each process also notes
 * that it runs ({@link dev.culvert.token.holder.NotedProcess}). The options of both programs for all that are
 * {@link dev.culvert.token.holder.HolderOptions}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.holder;
