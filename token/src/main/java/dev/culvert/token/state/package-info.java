/**
 * What is kept, and what it says. A {@link dev.culvert.token.state.StateDirectory} has
 * {@link dev.culvert.token.state.SigningKeys}, which rotate and retire, {@link dev.culvert.token.state.IssuedTokens},
 * {@link dev.culvert.token.state.Revocations}, {@link dev.culvert.token.state.Enrolments}, the gateway's names
 * ({@link dev.culvert.token.state.GatewayUrlFile}), its certificate and the authority that made it
 * ({@link dev.culvert.token.state.CertificateFiles}). How they are kept is a {@link dev.culvert.store.Store}'s affair. A gateway
 * sees changes through {@link dev.culvert.token.state.TrustFiles} and {@link dev.culvert.token.state.Revocations}, each a
 * {@link dev.culvert.store.Watch}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.state;
