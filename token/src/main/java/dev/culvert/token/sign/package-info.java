/**
 * How a token is made and believed. {@link dev.culvert.token.sign.TokenSigner} signs one with a
 * {@link dev.culvert.token.sign.SigningKey}; {@link dev.culvert.token.sign.TokenVerifier} believes those of the
 * {@link dev.culvert.token.sign.Trust} of the moment, {@link dev.culvert.token.sign.VerificationKey}s only; a holder reads its
 * own by {@link dev.culvert.token.sign.TokenReader}, without. All of them by one
 * {@link dev.culvert.token.sign.TokenCodec}.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.token.sign;
