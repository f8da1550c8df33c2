package dev.culvert.token.holder;

import dev.culvert.address.proxy.ProxyChoice;
import dev.culvert.address.proxy.ProxyEnvironment;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.Token;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Clock;
import java.util.Base64;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * How an agent or a client comes by its token and the token's key: {@code --token-file}, what it was logged in with, and
 * {@code --state}, and by the proxy on the way to its gateways, as a picocli mixin.
 */
public final class HolderOptions {
    /** As the shell's {@code <(command)} names a pipe: by its number, which is another file's, or none's, in another process. */
    private static final Pattern OPEN_FILE = Pattern.compile("(/dev|/proc/[^/]+)/fd/.*");

    /** Of profiles in a line for people. */
    private static final int SHOWN = 8;

    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Mixin
    TokenOption token = new TokenOption();

    @Mixin
    HolderStateOption state = new HolderStateOption();

    @Mixin
    ProxyOptions proxy = new ProxyOptions();

    /** Used by picocli. */
    public HolderOptions() {}

    /**
     * What the holder of a token shows to a gateway, and knows it by.
     *
     * @param jwt the token's text
     * @param token what it says; not verified
     * @param pin hash of the gateways' certificate authority; null where they have certificates of the public web PKI
     * @param profile in which the token is kept; null when it was given
     */
    public record Holder(
            String jwt,
            Token token,
            byte @Nullable [] pin,
            @Nullable String profile) {
        static Holder of(String jwt, Token token, @Nullable String profile) {
            String pin = token.pin();
            return new Holder(
                    jwt, token, pin == null ? null : Base64.getUrlDecoder().decode(pin), profile);
        }
    }

    /**
     * Reads the token: of the profile that is named, else the one that is given, else of the profile that is used. Warns on
     * standard error.
     *
     * @param kind of which the token must be; also the program's name
     * @param profile null when none was named
     */
    public Holder read(Token.Kind kind, @Nullable String profile)
            throws SecretException, TokenException, StateException {
        if (profile != null && token.file != null) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--token-file and a profile exclude each other: each says which token is meant");
        }
        Consumer<String> warn = line -> System.err.println(kind + ": warning: " + Printable.line(line));
        if (profile == null && token.isGiven(System.getenv())) {
            String jwt = token.resolve(System.getenv(), System.in, warn);
            return Holder.of(jwt, TokenReader.read(jwt, kind), null);
        }
        Profiles kept = new Profiles(directory(kind));
        String name = profile == null ? kept.current() : profile;
        if (name == null || !kept.has(name)) {
            throw new SecretException(none(kind, name, kept));
        }
        String jwt = kept.read(name, warn);
        return Holder.of(jwt, TokenReader.read(jwt, kind), name);
    }

    /** What to do when there is no such profile. */
    private static String none(Token.Kind kind, @Nullable String name, Profiles kept) throws StateException {
        List<String> names = kept.names();
        if (!names.isEmpty()) {
            return (name == null ? "no profile is in use" : "there is no profile '" + Printable.shorten(name) + "'")
                    + " in " + kept.directory() + ": name one of "
                    + names.stream().limit(SHOWN).collect(Collectors.joining(", "))
                    + (names.size() > SHOWN ? ", ..." : "") + ", or log in with '" + kind + " login FILE'";
        }
        return "no token is kept in " + kept.directory() + ": run '" + kind + " login FILE' first"
                + (kind == Token.Kind.CLIENT ? ", with sudo for what runs with sudo," : "")
                + " or give one with --token-file FILE";
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

    /** The same with what the gateway has handed over in the token's place, if that is kept here. */
    public Holder newest(Holder given) {
        return RenewedToken.newest(given, directory(given.token().kind()), Clock.systemUTC());
    }

    /**
     * Through which proxies the gateways of a token are reached: what {@code --proxy} says, else what the token's profile has, else the
     * environment.
     */
    public ProxyChoice proxies(Holder holder) throws SecretException, StateException {
        KeptProxy said = proxy.said();
        if (said == null && holder.profile() != null) {
            said = new Profiles(directory(holder.token().kind())).proxy(holder.profile());
        }
        return said == null ? new ProxyEnvironment(System.getenv()) : said::of;
    }

    /** What {@code --token-file} names if that is an open file of a process, which no other one gets; null if not. */
    public @Nullable String openFile() {
        return token.file != null && OPEN_FILE.matcher(token.file).matches() ? token.file : null;
    }

    /** The program's own directory. */
    public Path directory(Token.Kind kind) {
        return state.path(kind.toString());
    }
}
