package dev.culvert.token.issue;

import dev.culvert.command.GatewayUrl;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.HolderName;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.SecretFile;
import dev.culvert.token.holder.TokenInput;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.token.state.IssuedTokens;
import dev.culvert.token.state.Revocations;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What {@code token agent} and {@code token client} have in common, as a picocli mixin. */
final class MintOptions {
    @Option(
            names = "--name",
            required = true,
            paramLabel = "NAME",
            description = "Name of the holder: 1 to 63 of a-z, 0-9 and '-'.")
    String name = "";

    @Option(
            names = "--expires",
            paramLabel = "TIME",
            converter = Lifetime.class,
            description = "How long the token is valid, like 12h or 30d. Default: 90d for a client, 365d for an agent.")
    @Nullable
    Duration expires;

    @Option(
            names = "--gateway",
            paramLabel = "URL",
            converter = GatewayUrl.class,
            split = ",",
            description = {
                "Where the holder connects; several are tried in turn.",
                "Default: what token init --gateway remembered."
            })
    List<URI> gateways = new ArrayList<>();

    @Option(
            names = "--audience",
            paramLabel = "URL",
            converter = GatewayUrl.class,
            split = ",",
            description = {
                "Which gateways accept the token, by what they call themselves.",
                "Default: what token init --gateway remembered, else what --gateway says."
            })
    List<URI> audience = new ArrayList<>();

    @Option(
            names = "--public-certificate",
            description = "Do not pin our certificate authority: the gateway has a certificate of a public one.")
    boolean publicCertificate;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write the token there, readable by you only. Default, and -: standard output.")
    @Nullable
    Path out;

    @Option(names = "--force", description = "Overwrite the file of --out if there is one.")
    boolean force;

    @Option(
            names = "--json",
            description = "Print one JSON object about the token; with the token in it unless --out takes that.")
    boolean json;

    @Option(
            names = "--enrol",
            description = {
                "Good once: the first machine that connects with it makes a key pair of its own,",
                "and from then on the token is of no use without that key."
            })
    boolean enrol;

    @Option(
            names = "--enrol-within",
            paramLabel = "TIME",
            converter = Lifetime.class,
            defaultValue = "1h",
            description = "With --enrol: how soon that must be. Default: ${DEFAULT-VALUE}.")
    Duration enrolWithin = Duration.ofHours(1);

    @Option(
            names = "--key",
            paramLabel = "THUMBPRINT",
            description = "Bind the token to the key that 'client key' or 'agent key' made on the holder's machine.")
    @Nullable
    String key;

    @Mixin
    PassphraseOption passphrase = new PassphraseOption();

    /** A token in the making, once what is common is known. */
    interface Draft {
        /** @throws IllegalArgumentException if an option is wrong */
        Token on(TokenTerms terms);
    }

    /** Makes, signs, remembers and prints a token. */
    int mint(Subcommand command, Token.Kind kind, Duration usualLife, @Nullable QrCodeOption qr, Draft draft)
            throws IOException {
        if (out != null && out.toString().isEmpty()) {
            throw command.wrongUsage(new IllegalArgumentException("--out is empty: give the path of a file"));
        }
        if (out != null && out.toString().equals("-")) {
            out = null; // as --token-file - is standard input
        }
        if (out != null && Files.isDirectory(out)) {
            throw new IOException(out + " is a directory: give the path of a file in it");
        }
        if (out != null && !force && Files.exists(out, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(out + " exists: give --force to overwrite it, or choose another file");
        }
        if (out != null && Files.exists(out) && !Files.isRegularFile(out, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(out + " is no regular file: leave out --out for standard output");
        }
        StateDirectory directory = command.open();
        List<URI> known = directory.gatewayUrls();
        List<URI> urls = gateways.isEmpty() ? known : gateways;
        if (urls.isEmpty()) {
            throw new IOException("no gateway URL is known in " + directory.path()
                    + ": run token init --gateway wss://host:port once, or give --gateway here");
        }
        Revocations revocations = directory.revocations();
        TokenSigner signer;
        Token token;
        String jwt;
        String picture;
        try {
            HolderName.require("--name", name);
            Instant now = command.root().clock.instant();
            Duration life = expires == null ? usualLife : expires;
            TokenTerms terms = TokenTerms.of(
                            name, urls, publicCertificate ? null : directory.caPin(), now, now.plus(life))
                    .withAudience(!audience.isEmpty() ? audience : known.isEmpty() ? urls : known)
                    .withIssuedAt(revocations.firstIssue(kind, name))
                    .withBinding(binding(now));
            Token unsigned = draft.on(terms);
            signer = directory.keys().signer(passphrase.source(command.root()));
            token = signer.named(unsigned);
            jwt = signer.sign(token);
            picture = qr == null ? null : qr.draw(command.spec, TokenInput.SCHEME + jwt);
        } catch (IllegalArgumentException e) {
            throw command.wrongUsage(e);
        }
        TokenStates states = TokenStates.of(directory, command.root().clock.instant());
        List<IssuedTokens.Entry> others = directory.issued().read().stream()
                .filter(t -> t.kind() == kind && t.name().equals(name) && states.isInForce(t))
                .toList();
        if (out != null) {
            SecretFile.write(out, jwt + "\n", force, command.root().env);
        }
        remember(directory.issued(), token);
        command.audit(
                directory,
                "token-made",
                Map.of(
                        "kind",
                        kind.toString(),
                        "name",
                        name,
                        "token",
                        token.id(),
                        "expires",
                        token.expires().toString(),
                        "signedBy",
                        token.keyId(),
                        "binding",
                        String.valueOf(TokenText.fields(token).get("binding"))));
        print(command, token, jwt, picture);
        hints(command, directory, token);
        if (!others.isEmpty()) {
            command.say("note: " + (others.size() == 1 ? "another token" : others.size() + " other tokens") + " of "
                    + kind + " " + name + (others.size() == 1 ? " is" : " are") + " still in force: token revoke --id "
                    + others.get(0).id()
                    + (others.size() == 1 ? " ends it" : " ends the oldest"));
        }
        return 0;
    }

    /** A token that could not be noted is taken back: nobody shall hold one that no list knows. */
    private void remember(IssuedTokens issued, Token token) throws IOException {
        boolean noted = false;
        try {
            issued.add(token, null);
            noted = true;
        } finally {
            if (!noted && out != null) {
                Files.deleteIfExists(out);
            }
        }
    }

    private void print(Subcommand command, Token token, String jwt, @Nullable String picture) {
        PrintWriter stdout = command.out();
        if (json) {
            Map<String, Object> fields = TokenText.fields(token);
            if (out == null) {
                fields.put("token", jwt);
            } else {
                fields.put("file", out.toString());
            }
            command.print(fields);
        } else if (picture != null) {
            stdout.print(picture);
        } else if (out == null) {
            stdout.println(jwt);
        }
        stdout.flush();
    }

    private void hints(Subcommand command, StateDirectory directory, Token token) throws IOException {
        if (!json) {
            command.say(token.kind() + " token for " + token.name() + ", valid until " + token.expires()
                    + (out == null ? "" : ", written to " + out) + ". " + advice(token));
        }
        for (URI url : token.gateways()) {
            if ("ws".equalsIgnoreCase(url.getScheme())) {
                command.say("warning: " + url
                        + " is not encrypted, the token can be read on the way; use wss:// outside a laboratory");
            }
        }
        if (!directory.trust().current().isAddressed(token.terms().audience())) {
            List<URI> known = GatewayUrls.canonical(directory.gatewayUrls());
            command.say("warning: the gateway of " + directory.path() + " will refuse this token: it is "
                    + (known.isEmpty() ? "not named yet" : known.get(0)) + ", the token is for "
                    + token.terms().audience().get(0) + "; token init --gateway names it");
        }
    }

    private TokenBinding binding(Instant now) {
        if (key != null) {
            if (enrol) {
                throw new IllegalArgumentException("--enrol and --key exclude each other: give one");
            }
            return new TokenBinding.Key(key);
        }
        return enrol ? new TokenBinding.Enrolment(now.plus(enrolWithin)) : TokenBinding.BEARER;
    }

    private static String advice(Token token) {
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            return "The first machine that connects with it before " + enrolment.before() + " is " + token.name()
                    + ": keep it like a password until then.";
        }
        return token.binding() instanceof TokenBinding.Key
                ? "It is of no use without its holder's key."
                : "Whoever has it is " + token.name() + ": keep it like a password.";
    }
}
