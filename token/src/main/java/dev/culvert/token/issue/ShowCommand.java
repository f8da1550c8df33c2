package dev.culvert.token.issue;

import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.time.Instant;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code token show}: says in words what a token holds, and whether it is genuine. */
@Command(
        name = "show",
        description = {
            "Says what a token holds.",
            "It is judged as token verify does if the state directory has the key; otherwise that is said."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 shown, 1 no token, or one that would be refused, 2 wrong usage.")
final class ShowCommand extends Subcommand {
    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Mixin
    TokenFile file = new TokenFile();

    /** What was found out about signature, place, time and revocation. */
    private record Standing(String word, String detail, boolean acceptable) {}

    @Override
    public Integer call() throws Exception {
        String jwt = file.read(this);
        Token token = TokenReader.read(jwt);
        Standing standing = standing(jwt, token);
        if (json) {
            Map<String, Object> fields = TokenText.fields(token);
            fields.put("verification", standing.word);
            fields.put("detail", standing.detail);
            print(fields);
        } else {
            TokenText.print(
                    this::print,
                    token,
                    standing.word + ": " + standing.detail,
                    root().clock.instant());
        }
        return standing.acceptable ? 0 : 1;
    }

    private Standing standing(String jwt, Token token) {
        try {
            StateDirectory directory =
                    StateDirectory.open(state.path(), root().clock, store.choice(state.path(), root().env, false));
            directory.revocations().require(directory.verifier().verify(jwt));
            return new Standing("verified", "signature verified with " + state.path(), true);
        } catch (TokenException e) {
            return e.reason() == TokenException.Cause.UNKNOWN_KEY
                    ? unverified(token, state.path() + " does not have the key that signed it")
                    : new Standing("invalid", String.valueOf(e.getMessage()), false);
        } catch (IOException e) {
            return unverified(token, "no key to verify with: " + e.getMessage());
        }
    }

    private Standing unverified(Token token, String why) {
        Instant now = root().clock.instant();
        if (!now.isBefore(token.expires())) {
            return new Standing("invalid", "expired at " + token.expires() + "; signature NOT verified, " + why, false);
        }
        return new Standing("unverified", "signature NOT verified, " + why, true);
    }
}
