package dev.culvert.token.state;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.SecureRandom;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.crypto.util.ScryptConfig;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfo;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfoBuilder;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcePKCSPBEInputDecryptorProviderBuilder;
import org.bouncycastle.pkcs.jcajce.JcePKCSPBEOutputEncryptorBuilder;

/**
 * Private keys under a passphrase: PKCS #8 EncryptedPrivateKeyInfo (RFC 5958) by PBES2 with scrypt (RFC 7914) and
 * AES-256-CBC, which is what {@code openssl pkcs8 -topk8 -scrypt} writes and {@code openssl pkey} reads, so that a key
 * can be rescued without us. That CBC does not authenticate does no harm: a key is used only if it fits its public half.
 */
final class KeyEncryption {
    /** N: with r = 8, 16 MiB of memory a guess. OpenSSL reads no more than 32 MiB. */
    private static final int COST = 1 << 14;

    private static final int BLOCK_SIZE = 8;

    /** p: makes up for the small N, as OWASP's password storage advice does; about half a second a guess here. */
    private static final int PARALLEL = 5;

    private static final int SALT_BYTES = 16;

    private KeyEncryption() {}

    static byte[] encrypt(PrivateKey key, char[] passphrase) {
        try {
            ScryptConfig scrypt = new ScryptConfig.Builder(COST, BLOCK_SIZE, PARALLEL)
                    .withSaltLength(SALT_BYTES)
                    .build();
            return new PKCS8EncryptedPrivateKeyInfoBuilder(PrivateKeyInfo.getInstance(key.getEncoded()))
                    .build(new JcePKCSPBEOutputEncryptorBuilder(scrypt, NISTObjectIdentifiers.id_aes256_CBC)
                            .setProvider(new BouncyCastleProvider())
                            .setRandom(new SecureRandom())
                            .build(passphrase))
                    .getEncoded();
        } catch (IOException | OperatorCreationException e) {
            throw new IllegalStateException("cannot encrypt a key: " + e.getMessage(), e);
        }
    }

    /**
     * The key's PKCS #8 form.
     *
     * @throws GeneralSecurityException if the passphrase is wrong, or the key is broken or encrypted in another way
     */
    static byte[] decrypt(byte[] encrypted, char[] passphrase) throws GeneralSecurityException {
        try {
            return new PKCS8EncryptedPrivateKeyInfo(encrypted)
                    .decryptPrivateKeyInfo(new JcePKCSPBEInputDecryptorProviderBuilder()
                            .setProvider(new BouncyCastleProvider())
                            .build(passphrase))
                    .getEncoded();
        } catch (IOException | PKCSException | RuntimeException e) {
            throw new GeneralSecurityException("cannot be decrypted", e);
        }
    }
}
