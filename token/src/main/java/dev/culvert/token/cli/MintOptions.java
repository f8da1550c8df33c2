package dev.culvert.token.cli;

import dev.culvert.token.HolderName;
import dev.culvert.token.SecretFile;
import dev.culvert.token.StateDirectory;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** What {@code token agent} and {@code token client} have in common, as a picocli mixin. */
final class MintOptions {
    @Option(
            names = "--name",
            required = true,
            paramLabel = "NAME",
            description = "Name of the holder: 1 to 63 of a-z, 0-9 and '-'.")
    String name = "";

    @Mixin
    StateOption state = new StateOption();

    @Option(
            names = "--gateway",
            paramLabel = "URL",
            description = "Where the holder connects. Default: what token init --gateway remembered.")
    @Nullable
    URI gateway;

    @Option(
            names = "--public-certificate",
            description = "Do not pin our certificate authority: the gateway has a certificate of a public one.")
    boolean publicCertificate;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write the token there, readable by you only. Default: standard output.")
    @Nullable
    Path out;

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

    /** A token in the making, once what is common is known. */
    interface Draft {
        Token make(URI gateway, @Nullable String pin, Instant now, Instant expires);
    }

    int mint(CommandSpec spec, Clock clock, Duration life, Draft draft) throws IOException {
        StateDirectory directory = StateDirectory.open(state.path(), clock);
        warn(spec, directory);
        URI url = gateway != null ? gateway : directory.gatewayUrl();
        if (url == null) {
            throw new IOException("no gateway URL is known in " + directory.path()
                    + ": run token init --gateway wss://host:port once, or give --gateway here");
        }
        Token token;
        String jwt;
        try {
            HolderName.require("--name", name);
            Instant now = clock.instant();
            token = draft.make(url, publicCertificate ? null : directory.caPin(), now, now.plus(life))
                    .withBinding(binding(now));
            jwt = directory.signer().sign(token);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(
                    spec.commandLine(), Objects.requireNonNullElse(e.getMessage(), e.toString()), e);
        }
        PrintWriter err = spec.commandLine().getErr();
        if (out == null) {
            PrintWriter stdout = spec.commandLine().getOut();
            stdout.println(jwt);
            stdout.flush();
        } else {
            SecretFile.write(out, jwt + "\n");
        }
        err.println(token.kind() + " token for " + token.name() + ", valid until " + token.expires()
                + (out == null ? "" : ", written to " + out) + ". " + advice(token));
        if ("ws".equalsIgnoreCase(url.getScheme())) {
            err.println("warning: " + url
                    + " is not encrypted, the token can be read on the way; use wss:// outside a laboratory");
        }
        err.flush();
        return 0;
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

    static void warn(CommandSpec spec, StateDirectory directory) {
        PrintWriter err = spec.commandLine().getErr();
        directory.warnings().forEach(line -> err.println("warning: " + line));
        err.flush();
    }
}
