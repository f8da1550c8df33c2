package dev.culvert.token.issue;

import dev.culvert.token.Token;
import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.StateDirectory;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code token list}: the tokens that were made here. */
@Command(
        name = "list",
        description =
                "Lists the tokens that were made here, and whether they are in force; never the tokens themselves.",
        mixinStandardHelpOptions = true,
        footer = Subcommand.EXIT_CODES)
final class ListCommand extends Subcommand {
    @Option(
            names = "--kind",
            converter = HolderKind.class,
            paramLabel = "KIND",
            description = "Only this kind: ${COMPLETION-CANDIDATES}.")
    Token.@Nullable Kind kind;

    @Option(names = "--name", paramLabel = "NAME", description = "Only those of this holder.")
    @Nullable
    String name;

    @Option(names = "--in-force", description = "Only those that are neither expired, revoked, nor of a retired key.")
    boolean inForce;

    @Option(names = "--json", description = "Print one JSON object instead of a table.")
    boolean json;

    @Override
    public Integer call() throws Exception {
        StateDirectory directory = open();
        TokenStates states = TokenStates.of(directory, root().clock.instant());
        List<IssuedTokens.Entry> tokens = directory.issued().read().stream()
                .filter(t -> kind == null || t.kind() == kind)
                .filter(t -> name == null || t.name().equals(name))
                .filter(t -> !inForce || states.isInForce(t))
                .toList();
        if (json) {
            print(Map.of("tokens", tokens.stream().map(t -> fields(t, states)).toList()));
        } else if (tokens.isEmpty()) {
            say("no such token was made in " + directory.path());
        } else {
            table(
                    List.of("ID", "KIND", "NAME", "ISSUED", "EXPIRES", "KEY", "STATE"),
                    tokens,
                    t -> List.of(
                            t.id(),
                            t.kind().toString(),
                            t.name(),
                            t.issuedAt().toString(),
                            t.expires().toString(),
                            t.keyId(),
                            states.of(t)));
        }
        return 0;
    }

    private static Map<String, Object> fields(IssuedTokens.Entry token, TokenStates states) {
        Map<String, Object> fields = token.fields();
        fields.put("state", states.of(token));
        return fields;
    }
}
