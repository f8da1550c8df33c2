package dev.culvert.token.issue;

import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.state.StateDirectory;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code token verify}: judges a token as the gateway of the state directory would. */
@Command(
        name = "verify",
        description = {
            "Judges a token as the gateway of the state directory would:",
            "signature, key, audience, times, revocation, and the kind if one is asked for."
        },
        mixinStandardHelpOptions = true,
        footerHeading = "%nExit codes:%n",
        footer = {
            "  0  accepted",
            "  1  it could not be judged: no token, no state directory",
            "  2  wrong usage",
            "  3  refused: not a token, forged, of another kind, or its key is not trusted or retired",
            "  4  refused: expired, or not yet valid",
            "  5  refused: made for other gateways",
            "  6  refused: revoked"
        })
final class VerifyCommand extends Subcommand {
    private static final int FORGED = 3;
    private static final int OUT_OF_TIME = 4;
    private static final int OTHER_GATEWAY = 5;
    private static final int REVOKED = 6;

    @Option(
            names = "--kind",
            converter = HolderKind.class,
            paramLabel = "KIND",
            description = "Accept this kind only, as its place does: ${COMPLETION-CANDIDATES}.")
    Token.@Nullable Kind kind;

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Mixin
    TokenFile file = new TokenFile();

    @Override
    public Integer call() throws Exception {
        String jwt = file.read(this);
        StateDirectory directory = open();
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            Token token = kind == null
                    ? directory.verifier().verify(jwt)
                    : directory.verifier().verify(jwt, kind);
            directory.revocations().require(token);
            answer.put("accepted", true);
            answer.putAll(TokenText.fields(token));
            if (json) {
                print(answer);
            } else {
                print("accepted: " + token.kind() + " token of " + token.name() + ", valid until " + token.expires());
            }
            return 0;
        } catch (TokenException e) {
            if (json) {
                answer.put("accepted", false);
                answer.put("reason", e.reason().toString().toLowerCase(Locale.ROOT));
                answer.put("detail", e.getMessage());
                print(answer);
            } else {
                say("token: refused: " + e.getMessage());
            }
            return switch (e.reason()) {
                case MALFORMED, BAD_ALGORITHM, UNKNOWN_KEY, BAD_SIGNATURE, WRONG_KIND, INVALID_CLAIMS -> FORGED;
                case EXPIRED, NOT_YET_VALID -> OUT_OF_TIME;
                case WRONG_AUDIENCE -> OTHER_GATEWAY;
                case REVOKED -> REVOKED;
            };
        }
    }
}
