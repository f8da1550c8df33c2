package dev.culvert.token.cli;

import dev.culvert.token.IssuedTokens;
import dev.culvert.token.Revocations;
import dev.culvert.token.StateDirectory;
import dev.culvert.token.StateException;
import dev.culvert.token.Token;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code token revoke}: ends tokens before they expire. */
@Command(
        name = "revoke",
        description = {
            "Ends a token before it expires, or all tokens of a name that were made until now.",
            "The gateway of the state directory ends their links within a second. A new token for the name works."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  token revoke 3q2-7wEjRnmJq83v_yNFZw",
            "  token revoke --name laptop --kind client --reason 'left on a train'",
            "",
            "A gateway with a state directory elsewhere needs a copy of revoked.jsonl.",
            Subcommand.EXIT_CODES
        })
final class RevokeCommand extends Subcommand {
    @ArgGroup(multiplicity = "1")
    Which which = new Which();

    /** Exactly one of the two. */
    static final class Which {
        @Parameters(paramLabel = "ID", description = "The token's id; token list and token show say it.")
        @Nullable
        String id;

        @Option(
                names = "--name",
                paramLabel = "NAME",
                description = "All tokens of this holder that were made until now.")
        @Nullable
        String name;
    }

    @Option(
            names = "--kind",
            paramLabel = "KIND",
            description = "With --name: of this kind only, ${COMPLETION-CANDIDATES}. Default: both.")
    Token.@Nullable Kind kind;

    @Option(names = "--reason", paramLabel = "TEXT", description = "A remark, kept and shown; at most 200 characters.")
    String reason = "";

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        StateDirectory directory = open();
        Revocations revocations = directory.revocations();
        List<IssuedTokens.Entry> before = directory.issued().read().stream()
                .filter(t -> !isRevoked(revocations, t))
                .toList();
        Revocations.Entry entry;
        try {
            entry = revoke(revocations);
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e);
        }
        List<IssuedTokens.Entry> ended =
                before.stream().filter(t -> isRevoked(revocations, t)).toList();
        if (json) {
            var fields = entry.fields();
            fields.put("tokens", ended.stream().map(IssuedTokens.Entry::fields).toList());
            print(fields);
            return 0;
        }
        for (IssuedTokens.Entry token : ended) {
            print("revoked " + token.kind() + " token " + token.id() + " of " + token.name()
                    + ", which was valid until " + token.expires());
        }
        if (ended.isEmpty()) {
            print(
                    entry.id() != null
                            ? "revoked " + entry.id() + "; token list knows no such token in force"
                            : "revoked what was made for " + entry.name()
                                    + " until now; token list knows no such token in force");
        }
        return 0;
    }

    private Revocations.Entry revoke(Revocations revocations) throws StateException {
        if (which.id != null) {
            if (kind != null) {
                throw new IllegalArgumentException("--kind goes with --name: an id is of one token");
            }
            return revocations.revokeId(which.id, reason);
        }
        Set<Token.Kind> kinds = kind == null ? EnumSet.allOf(Token.Kind.class) : EnumSet.of(kind);
        return revocations.revokeName(kinds, Objects.requireNonNull(which.name, "picocli sets one of the two"), reason);
    }

    private static boolean isRevoked(Revocations revocations, IssuedTokens.Entry token) {
        return revocations.isRevoked(token.kind(), token.id(), token.name(), token.issuedAt());
    }
}
