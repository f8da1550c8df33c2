package dev.culvert.token.issue;

import dev.culvert.store.StateException;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.Renewals;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code token renew}: a later end for tokens that are bound to their holders' keys. */
@Command(
        name = "renew",
        description = {
            "Makes the tokens of a holder anew, with a later end: the gateway hands each over on its holder's link. They say what",
            "the old ones do, for the same key, and are for the gateways that are known now. Only tokens that are bound to a key",
            "(made with --enrol or --key) can be renewed so."
        },
        mixinStandardHelpOptions = true,
        footer = {"", "Example:", "  token renew laptop", Subcommand.EXIT_CODES})
final class RenewCommand extends Subcommand {
    @Parameters(paramLabel = "NAME", description = "The holder's name, as token list says it.")
    String name = "";

    @Option(
            names = "--kind",
            converter = HolderKind.class,
            paramLabel = "KIND",
            description = "Of this kind only, ${COMPLETION-CANDIDATES}. Default: both.")
    Token.@Nullable Kind kind;

    @Option(
            names = "--expires",
            paramLabel = "TIME",
            converter = Lifetime.class,
            description = "How long the new ones are valid, like 12h or 30d. Default: as long as the old ones were.")
    @Nullable
    Duration expires;

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Mixin
    PassphraseOption passphrase = new PassphraseOption();

    /** A token that is in force, and the key that it belongs to. */
    private record Bound(Token token, String key) {}

    @Override
    public Integer call() throws Exception {
        StateDirectory directory = open();
        List<Bound> old = inForce(directory);
        TokenSigner signer = directory.keys().signer(passphrase.source(root()));
        List<Map<String, Object>> done = new ArrayList<>();
        for (Bound one : old) {
            Token token;
            String jwt;
            try {
                token = signer.named(renewed(directory, one));
                jwt = signer.sign(token);
                directory.issued().add(token, one.token.id()); // first: nobody shall hold one that no list knows
                queue(directory, token, jwt, one);
            } catch (IllegalArgumentException e) {
                throw wrongUsage(e);
            }
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("kind", token.kind().toString());
            fields.put("name", token.name());
            fields.put("old", one.token.id());
            fields.put("token", token.id());
            fields.put("expires", token.expires().toString());
            audit(directory, "token-renewed", fields);
            done.add(fields);
            if (!json) {
                print("renewed " + token.kind() + " token of " + token.name() + ", valid until " + token.expires()
                        + ": its holder gets it on its link; the old one is valid until " + one.token.expires());
            }
        }
        if (json) {
            print(Map.of("renewed", done));
        }
        return 0;
    }

    /** One that may not wait is taken back: what is renewed next is what its holder has. */
    private static void queue(StateDirectory directory, Token token, String jwt, Bound old) throws StateException {
        try {
            directory
                    .renewals()
                    .add(new Renewals.Entry(
                            token.kind(), token.name(), old.key, token.id(), token.expires(), jwt, old.token.id()));
        } catch (IllegalArgumentException e) {
            directory.issued().remove(token.id());
            throw e;
        } // a store that fails may have it nevertheless
    }

    private Token renewed(StateDirectory directory, Bound old) throws IOException {
        Instant now = root().clock.instant();
        TokenTerms before = old.token.terms();
        Duration life = expires != null ? expires : Duration.between(before.notBefore(), before.expires());
        TokenTerms terms = before.withBinding(new TokenBinding.Key(old.key)).renewed(now, now.plus(life));
        if (terms.expires().isBefore(before.expires())) {
            throw new IOException(
                    "the token of '" + name + "' is valid until " + before.expires()
                            + ", and the renewed one would end before: give a longer --expires; to shorten what it has revoke it");
        }
        List<URI> known = directory.gatewayUrls();
        if (!known.isEmpty() && before.pin() == null) {
            // Its gateways' names are all that a holder knows them by: it takes no others. Who accepts it follows each
            // time, also
            // when an earlier renewal has set the two apart.
            terms = terms.withAudience(known);
        } else if (!known.isEmpty() && GatewayUrls.canonical(before.gateways()).equals(before.audience())) {
            // One that was to connect elsewhere than where the gateways say they are still does.
            terms = terms.withGateways(known, known);
        }
        return old.token.withTerms(terms.withIssuedAt(directory.revocations().firstIssue(old.token.kind(), name)));
    }

    /** Of each key the newest. */
    private List<Bound> inForce(StateDirectory directory) throws IOException, TokenException {
        TokenStates states = TokenStates.of(directory, root().clock.instant());
        List<IssuedTokens.Entry> all = directory.issued().read().stream()
                .filter(t -> t.name().equals(name) && (kind == null || kind == t.kind()) && states.isInForce(t))
                .toList();
        if (all.isEmpty()) {
            throw new IOException("no " + (kind == null ? "" : kind + " ") + "token of '" + name
                    + "' is in force: look at token list; make one with token agent or token client");
        }
        Map<String, Bound> bound = new LinkedHashMap<>();
        for (IssuedTokens.Entry entry : all) {
            Token token = entry.token();
            String key = token == null
                    ? null
                    : token.binding() instanceof TokenBinding.Key own
                            ? own.thumbprint()
                            : directory.enrolments().keyOf(token);
            if (token != null && key != null) {
                bound.put(entry.kind() + " " + key, new Bound(token, key));
            }
        }
        if (bound.isEmpty()) {
            throw new IOException(
                    "no token of '" + name + "' can be renewed: they are bound to no key, were not used yet, or"
                            + " were made by an earlier version; make a new one with token agent or token client, and --enrol");
        }
        return List.copyOf(bound.values());
    }
}
