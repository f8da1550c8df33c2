package dev.culvert.gateway.certificate.acme;

import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** P-256 keys, which every authority takes for accounts and for certificates, and how they are written. */
final class Keys {
    private static final String PRIVATE = "privateKey";
    private static final String PUBLIC = "publicKey";

    private Keys() {}

    static KeyPair generate() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java makes no P-256 keys", e);
        }
    }

    static void write(KeyPair pair, ObjectNode to) {
        Base64.Encoder text = Base64.getEncoder();
        to.put(PRIVATE, text.encodeToString(pair.getPrivate().getEncoded()));
        to.put(PUBLIC, text.encodeToString(pair.getPublic().getEncoded()));
    }

    /** @throws IllegalArgumentException if there is none */
    static KeyPair read(JsonNode from) {
        try {
            KeyFactory factory = KeyFactory.getInstance("EC");
            Base64.Decoder text = Base64.getDecoder();
            return new KeyPair(
                    factory.generatePublic(new X509EncodedKeySpec(
                            text.decode(from.required(PUBLIC).stringValue()))),
                    factory.generatePrivate(new PKCS8EncodedKeySpec(
                            text.decode(from.required(PRIVATE).stringValue()))));
        } catch (GeneralSecurityException e) {
            throw new IllegalArgumentException("broken key", e);
        }
    }
}
