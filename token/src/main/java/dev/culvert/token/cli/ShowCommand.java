package dev.culvert.token.cli;

import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.SecretSource;
import dev.culvert.token.StateDirectory;
import dev.culvert.token.StateException;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenReader;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jose4j.json.JsonUtil;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code token show}: says in words what a token holds, and whether it is genuine. */
@Command(
        name = "show",
        description = {
            "Says what a token holds.",
            "The signature is verified if the state directory has the key; otherwise that is said."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 shown, 1 no token, forged or not in force, 2 wrong usage.")
final class ShowCommand implements Callable<Integer> {
    @ParentCommand
    @Nullable
    TokenCommand parent;

    @Spec
    @Nullable
    CommandSpec spec;

    @Mixin
    StateOption state = new StateOption();

    @Option(names = "--json", description = "Print one JSON object instead of words.")
    boolean json;

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description = "File with the token, or - for standard input. Default: environment variable CULVERT_TOKEN.")
    @Nullable
    String file;

    /** What was found out about the signature and the time. */
    private record Verdict(String word, String detail, boolean acceptable) {}

    @Override
    public Integer call() throws Exception {
        TokenCommand root = Objects.requireNonNull(parent, "picocli sets the parent");
        CommandSpec own = Objects.requireNonNull(spec, "picocli sets the spec");
        PrintWriter err = own.commandLine().getErr();
        String jwt = SecretSource.read(file, root.env, root.stdin, line -> err.println("warning: " + line));
        err.flush();
        Token token = TokenReader.read(jwt);
        Verdict verdict = verdict(jwt, token, root);
        PrintWriter out = own.commandLine().getOut();
        if (json) {
            out.println(JsonUtil.toJson(fields(token, verdict)));
        } else {
            words(out, token, verdict, root.clock.instant());
        }
        out.flush();
        return verdict.acceptable ? 0 : 1;
    }

    private Verdict verdict(String jwt, Token token, TokenCommand root) {
        Path path = state.path();
        try {
            StateDirectory.open(path, root.clock).verifier().verify(jwt);
            return new Verdict("verified", "signature verified with " + path, true);
        } catch (StateException e) {
            return inForce(token, root, "no key to verify with: " + e.getMessage());
        } catch (TokenException e) {
            return e.reason() == TokenException.Cause.UNKNOWN_KEY
                    ? inForce(token, root, path + " does not have the key that signed it")
                    : new Verdict("invalid", String.valueOf(e.getMessage()), false);
        }
    }

    private static Verdict inForce(Token token, TokenCommand root, String why) {
        Instant now = root.clock.instant();
        if (!now.isBefore(token.expires())) {
            return new Verdict("invalid", "expired at " + token.expires() + "; signature NOT verified, " + why, false);
        }
        return new Verdict("unverified", "signature NOT verified, " + why, true);
    }

    private static Map<String, @Nullable Object> fields(Token token, Verdict verdict) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("kind", token.kind().toString());
        out.put("name", token.name());
        out.put("id", token.id());
        out.put("gateway", token.gateway().toString());
        out.put("pin", token.pin());
        out.put("issuedAt", token.issuedAt().toString());
        out.put("notBefore", token.notBefore().toString());
        out.put("expires", token.expires().toString());
        out.put("keyId", token.keyId());
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            out.put("binding", "enrolment");
            out.put("enrolBefore", enrolment.before().toString());
        } else if (token.binding() instanceof TokenBinding.Key key) {
            out.put("binding", "key");
            out.put("keyThumbprint", key.thumbprint());
        } else {
            out.put("binding", "bearer");
        }
        out.put("verification", verdict.word);
        out.put("detail", verdict.detail);
        if (token instanceof ClientToken client) {
            out.put("grants", client.grants().stream().map(Grant::toString).toList());
        } else if (token instanceof AgentToken agent) {
            out.put("routes", agent.routes().stream().map(Object::toString).toList());
        }
        return out;
    }

    private static void words(PrintWriter out, Token token, Verdict verdict, Instant now) {
        out.println(token.kind() + " token of " + token.name());
        out.println("  id        " + token.id());
        out.println("  gateway   " + token.gateway());
        String pin = token.pin();
        out.println("  trusts    "
                + (pin == null
                        ? "certificates of the public web PKI"
                        : "only the certificate authority with pin " + pin));
        out.println("  issued    " + token.issuedAt());
        out.println("  valid     from " + token.notBefore() + " until " + token.expires() + " ("
                + remaining(now, token.expires()) + ")");
        out.println("  key       " + token.keyId());
        out.println("  binding   " + binding(token));
        out.println("  status    " + verdict.word + ": " + verdict.detail);
        if (token instanceof ClientToken client) {
            out.println("  may reach");
            for (Grant grant : client.grants()) {
                out.println("    " + sentence(grant));
            }
        } else if (token instanceof AgentToken agent) {
            out.println("  may serve");
            agent.routes().forEach(route -> out.println("    " + route));
        }
    }

    private static String binding(Token token) {
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            return "to the key of the machine that connects first, before " + enrolment.before();
        }
        return token.binding() instanceof TokenBinding.Key key
                ? "to the holder's key " + key.thumbprint()
                : "none: a bearer token, whoever has it is the holder";
    }

    private static String remaining(Instant now, Instant expires) {
        Duration left = Duration.between(now, expires);
        if (left.isNegative() || left.isZero()) {
            return "over";
        }
        return left.toDays() >= 2
                ? left.toDays() + " days left"
                : left.toHours() >= 2 ? left.toHours() + " hours left" : left.toMinutes() + " minutes left";
    }

    private static String sentence(Grant grant) {
        String transports = grant.transports().stream().map(Object::toString).collect(Collectors.joining(", "));
        String ports = grant.ports().isAll() ? "all ports" : "ports " + grant.ports();
        return grant.target() + ", " + ports + ", over " + transports + ", through "
                + (grant.agent().equals(Grant.ANY_AGENT) ? "any agent" : "agent " + grant.agent());
    }
}
