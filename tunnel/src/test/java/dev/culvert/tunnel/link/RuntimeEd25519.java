package dev.culvert.tunnel.link;

import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.EdECPoint;
import java.security.spec.EdECPublicKeySpec;
import java.security.spec.NamedParameterSpec;

/** The runtime's own check of a proof. */
public final class RuntimeEd25519 {
    private RuntimeEd25519() {}

    /** See {@link LinkProof.Verifier}. */
    public static boolean verify(byte[] key, byte[] message, byte[] signature) {
        byte[] y = new byte[key.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = key[y.length - 1 - i];
        }
        boolean odd = y[0] < 0;
        y[0] &= 0x7f;
        try {
            Signature verifier = Signature.getInstance("Ed25519");
            verifier.initVerify(KeyFactory.getInstance("Ed25519")
                    .generatePublic(new EdECPublicKeySpec(
                            NamedParameterSpec.ED25519, new EdECPoint(odd, new BigInteger(1, y)))));
            verifier.update(message);
            return verifier.verify(signature);
        } catch (GeneralSecurityException e) {
            return false;
        }
    }
}
