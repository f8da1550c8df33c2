package dev.culvert.token.cli;

import dev.culvert.token.HolderName;
import dev.culvert.token.SecretFile;
import dev.culvert.token.StateDirectory;
import dev.culvert.token.Token;
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
            token = draft.make(url, publicCertificate ? null : directory.caPin(), now, now.plus(life));
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
                + (out == null ? "" : ", written to " + out) + ". Whoever has it is " + token.name()
                + ": keep it like a password.");
        if ("ws".equalsIgnoreCase(url.getScheme())) {
            err.println("warning: " + url
                    + " is not encrypted, the token can be read on the way; use wss:// outside a laboratory");
        }
        err.flush();
        return 0;
    }

    static void warn(CommandSpec spec, StateDirectory directory) {
        PrintWriter err = spec.commandLine().getErr();
        directory.warnings().forEach(line -> err.println("warning: " + line));
        err.flush();
    }
}
