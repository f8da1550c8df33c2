/**
 * What is kept on disk. A {@link dev.culvert.token.state.StateDirectory} has {@link dev.culvert.token.state.SigningKeys},
 * which rotate and retire, {@link dev.culvert.token.state.IssuedTokens}, {@link dev.culvert.token.state.Revocations}, the
 * gateway's names ({@link dev.culvert.token.state.GatewayUrlFile}), its certificate and the authority that made it
 * ({@link dev.culvert.token.state.CertificateFiles}); a gateway has {@link dev.culvert.token.state.Enrolments} beside them.
 * All are written through {@link dev.culvert.token.state.StateFiles}, whole or not at all. A gateway sees changes through
 * {@link dev.culvert.token.state.TrustFiles} and {@link dev.culvert.token.state.Revocations}, each a
 * {@link dev.culvert.token.state.ReloadingFile}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.state;
