package dev.culvert.token.holder;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import java.nio.file.Path;
import java.security.KeyPair;
import java.util.Base64;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;

/** How an agent or a client comes by its token and the token's key: {@code --token-file} and {@code --state}, as a picocli mixin. */
public final class HolderOptions {
    @Mixin
    TokenOption token = new TokenOption();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public HolderOptions() {}

    /**
     * What the holder of a token shows to a gateway, and knows it by.
     *
     * @param jwt the token's text
     * @param token what it says; not verified
     * @param pin hash of the gateways' certificate authority; null where they have certificates of the public web PKI
     */
    public record Holder(String jwt, Token token, byte @Nullable [] pin) {}

    /**
     * Reads the token. Warns on standard error.
     *
     * @param kind of which the token must be; also the program's name
     */
    public Holder read(Token.Kind kind) throws SecretException, TokenException {
        String jwt = token.resolve(
                System.getenv(), System.in, line -> System.err.println(kind + ": warning: " + Printable.line(line)));
        Token read = TokenReader.read(jwt, kind);
        String pin = read.pin();
        return new Holder(jwt, read, pin == null ? null : Base64.getUrlDecoder().decode(pin));
    }

    /**
     * The Ed25519 key pair that a token is bound to, made if it is to be enrolled and was not yet: call it when nothing but
     * the gateway is missing. Null for a bearer token.
     */
    public @Nullable KeyPair keys(Token token) throws StateException {
        return pair(HolderKey.forToken(directory(token.kind()), token));
    }

    /** The same, but none is made. */
    public @Nullable KeyPair existingKeys(Token token) throws StateException {
        return pair(HolderKey.existing(directory(token.kind()), token));
    }

    private static @Nullable KeyPair pair(@Nullable HolderKey key) {
        return key == null ? null : key.pair();
    }

    /** The program's own directory. */
    public Path directory(Token.Kind kind) {
        return state.path(kind.toString());
    }
}
