package dev.culvert.token.issue;

import dev.culvert.store.StateException;
import dev.culvert.token.HolderName;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.holder.SecretSource;
import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.Revocations;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
            "Ends a token before it expires, with all that renew it, or all tokens of a name that were made until now.",
            "A token that it renews itself stays in force: to end what a holder has give the name.",
            "The gateway of the state directory ends their links within a second. A new token for the name works."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  token revoke laptop --reason 'left on a train'",
            "  token revoke 3q2-7wEjRnmJq83v_yNFZw",
            "  token revoke --name laptop --kind client",
            "  token revoke --token-file laptop.token",
            "",
            "A gateway with a state directory elsewhere needs a copy of revoked.jsonl.",
            Subcommand.EXIT_CODES
        })
final class RevokeCommand extends Subcommand {
    @ArgGroup(multiplicity = "1")
    Which which = new Which();

    /** Exactly one of these. */
    static final class Which {
        @Parameters(paramLabel = "NAME|ID", description = "A holder's name, or a token's id, as token list says them.")
        @Nullable
        String either;

        @Option(names = "--id", paramLabel = "ID", description = "The token with this id.")
        @Nullable
        String id;

        @Option(
                names = "--name",
                paramLabel = "NAME",
                description = "All tokens of this holder that were made until now.")
        @Nullable
        String name;

        @Option(
                names = "--token-file",
                paramLabel = "FILE",
                description = "The token in this file, or - for standard input; also one that was made elsewhere.")
        @Nullable
        String file;
    }

    @Option(
            names = "--kind",
            converter = HolderKind.class,
            paramLabel = "KIND",
            description = "With a name: of this kind only, ${COMPLETION-CANDIDATES}. Default: both.")
    Token.@Nullable Kind kind;

    @Option(
            names = "--unlisted",
            description = "Also an id or a name that token list does not know: of tokens made on another machine.")
    boolean unlisted;

    @Option(names = "--reason", paramLabel = "TEXT", description = "A remark, kept and shown; at most 200 characters.")
    String reason = "";

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    /** What is meant: one of the two. */
    private record Target(@Nullable String id, @Nullable String name) {}

    @Override
    public Integer call() throws Exception {
        StateDirectory directory = open();
        Revocations revocations = directory.revocations();
        List<IssuedTokens.Entry> issued = directory.issued().read();
        List<IssuedTokens.Entry> before =
                issued.stream().filter(t -> !isRevoked(revocations, t)).toList();
        List<Revocations.Entry> entries;
        try {
            Target target = target(directory, issued);
            if (target.id != null) {
                if (kind != null) {
                    throw new IllegalArgumentException("--kind goes with a name: an id is of one token");
                }
                entries = revocations.revokeIds(family(target.id, issued, revocations), reason);
            } else {
                Set<Token.Kind> kinds = kind == null ? EnumSet.allOf(Token.Kind.class) : EnumSet.of(kind);
                entries = List.of(revocations.revokeName(kinds, String.valueOf(target.name), reason));
            }
        } catch (IllegalArgumentException e) {
            throw wrongUsage(e);
        }
        forgetRenewals(directory, revocations);
        for (Revocations.Entry entry : entries) {
            audit(directory, "revoke", Map.of("revocation", entry.fields()));
        }
        Revocations.Entry meant = entries.get(0);
        List<IssuedTokens.Entry> ended =
                before.stream().filter(t -> isRevoked(revocations, t)).toList();
        if (json) {
            Map<String, Object> fields = new LinkedHashMap<>(meant.fields());
            fields.put("tokens", ended.stream().map(IssuedTokens.Entry::fields).toList());
            print(fields);
            return 0;
        }
        for (IssuedTokens.Entry token : ended) {
            print("revoked " + token.kind() + " token " + token.id() + " of " + token.name()
                    + (token.of() == null ? "" : " (it renews " + token.of() + ")")
                    + (token.expires().isAfter(root().clock.instant())
                            ? ", which was valid until "
                            : ", which expired at ")
                    + token.expires());
        }
        if (ended.isEmpty()) {
            print("revoked " + meant.words() + "; token list knows none that was in force");
        }
        return 0;
    }

    /** A token, and of those that renew it all that are not revoked yet. */
    private static List<String> family(String id, List<IssuedTokens.Entry> issued, Revocations revocations) {
        Set<String> family = IssuedTokens.family(issued, id);
        issued.stream()
                .filter(t -> !t.id().equals(id) && isRevoked(revocations, t))
                .forEach(t -> family.remove(t.id()));
        return List.copyOf(family);
    }

    /** What was revoked stays so without this. */
    private void forgetRenewals(StateDirectory directory, Revocations revocations) {
        try {
            directory.renewals().forget(revocations);
        } catch (StateException e) {
            say("warning: renewed tokens of it may still wait, and are not handed over: " + e.getMessage());
        }
    }

    /** @throws IOException if nothing here is called so: who means a token must not believe it revoked when it is not */
    private Target target(StateDirectory directory, List<IssuedTokens.Entry> issued)
            throws IOException, TokenException {
        if (which.file != null) {
            String jwt = SecretSource.read(which.file, root().env, root().stdin, line -> say("warning: " + line));
            return new Target(directory.verifier().signed(jwt).id(), null);
        }
        String id = which.either != null ? which.either : which.id;
        String name = which.either != null ? which.either : which.name;
        boolean isId = id != null && issued.stream().anyMatch(t -> t.id().equals(id));
        boolean isName = name != null
                && issued.stream().anyMatch(t -> t.name().equals(name) && (kind == null || kind == t.kind()));
        if (isId && isName) {
            throw new IOException("'" + id + "' is a token's id and a holder's name: say which, --id or --name");
        }
        if (isId) {
            return new Target(id, null);
        }
        if (isName) {
            return new Target(null, name);
        }
        if (unlisted && (which.id != null || which.name != null)) {
            if (which.name != null) {
                HolderName.require("--name", which.name);
            }
            return new Target(which.id, which.name);
        }
        String what = which.id != null ? "id" : which.name != null ? "name" : "name or id";
        String called = String.valueOf(id != null ? id : name);
        throw new IOException(
                "nothing was revoked: no " + (kind == null ? "" : kind + " ") + "token with the " + what + " '"
                        + called + "' was made in " + directory.path()
                        + ": look at token list; of one that was made elsewhere give --token-file FILE, or --id or --name with"
                        + " --unlisted");
    }

    private static boolean isRevoked(Revocations revocations, IssuedTokens.Entry token) {
        return revocations.isRevoked(token.kind(), token.id(), token.name(), token.issuedAt());
    }
}
