package dev.culvert.token.cli;

import dev.culvert.command.Printable;
import dev.culvert.token.HolderKey;
import dev.culvert.token.SecretException;
import dev.culvert.token.StateException;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenReader;
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
     * @param keys the Ed25519 key pair that the token is bound to; null for a bearer token
     */
    public record Holder(
            String jwt,
            Token token,
            byte @Nullable [] pin,
            @Nullable KeyPair keys) {}

    /**
     * Reads the token and its key, which is made if it is to be enrolled and was not yet. Warns on standard error.
     *
     * @param kind of which the token must be; also the program's name
     */
    public Holder read(Token.Kind kind) throws SecretException, TokenException, StateException {
        String jwt = token.resolve(
                System.getenv(), System.in, line -> System.err.println(kind + ": warning: " + Printable.line(line)));
        Token read = TokenReader.read(jwt, kind);
        String pin = read.pin();
        HolderKey key = HolderKey.forToken(directory(kind), read);
        return new Holder(
                jwt, read, pin == null ? null : Base64.getUrlDecoder().decode(pin), key == null ? null : key.pair());
    }

    /** The program's own directory. */
    public Path directory(Token.Kind kind) {
        return state.path(kind.toString());
    }
}
