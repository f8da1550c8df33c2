/**
 * Who may do what: tokens, the keys that sign them, and the grants in them that a gateway evaluates.
 *
 * <p>A {@link dev.culvert.token.Token} is a JSON Web Token (RFC 7519) signed with Ed25519 (RFC 8037) by a
 * {@link dev.culvert.token.sign.TokenSigner}; gateways hold only public keys and read tokens through a
 * {@link dev.culvert.token.sign.TokenVerifier}. A holder learns its own settings from its token through
 * {@link dev.culvert.token.sign.TokenReader}, without verifying. A {@link dev.culvert.token.ClientToken} carries
 * {@link dev.culvert.token.Grant}s, compiled into a {@link dev.culvert.token.TokenGrants} that answers for each flow; an
 * {@link dev.culvert.token.AgentToken} carries the prefixes that the agent serves and its
 * {@link dev.culvert.token.PublishRight}s. What both say are their {@link dev.culvert.token.TokenTerms}.
 *
 * <p>{@link dev.culvert.token.state.StateDirectory} keeps it all on disk.
 *
 * <p>All values are immutable and may be used from any thread. Input is bounded before it is parsed, and errors are one
 * line that names the cure.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token;
