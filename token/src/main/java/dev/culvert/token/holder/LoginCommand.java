package dev.culvert.token.holder;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.HolderName;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client login} and {@code agent login}: keeps a token on this machine. */
@Command(
        name = "login",
        description = {
            "Keeps a token on this machine, readable by its user only, for all that is run without --token-file.",
            "Tokens of several networks are kept under names; the last that was logged in with is used where none is named."
        },
        mixinStandardHelpOptions = true,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public final class LoginCommand implements Callable<Integer> {
    /** What a line at a Linux terminal may have (N_TTY_BUF_SIZE, with its end); what is beyond is lost. */
    private static final int TERMINAL_LINE = 4_095;

    private final InputStream stdin;
    private final Supplier<Optional<Prompt>> terminal;
    private final BooleanSupplier typed;
    private final Clock clock;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description = {
                "File that holds the token, or - for standard input.",
                "Default: it is asked for on the terminal, which does not show it; without one it is read from standard input."
            })
    @Nullable
    String file;

    @Option(
            names = "--profile",
            paramLabel = "NAME",
            completionCandidates = ProfileCandidates.class,
            defaultValue = Profiles.DEFAULT,
            description = "Name under which it is kept: 1 to 63 of a-z, 0-9 and '-'. Default: ${DEFAULT-VALUE}.")
    String profile = Profiles.DEFAULT;

    @Mixin
    HolderStateOption state = new HolderStateOption();

    @Mixin
    ProxyOptions proxy = new ProxyOptions();

    /** Used by picocli. */
    public LoginCommand() {
        this(System.in, () -> Optional.ofNullable(Prompt.terminal()), Prompt::isTyped, Clock.systemUTC());
    }

    /**
     * @param terminal asked for only when it is needed: to find one costs other commands their start
     * @param typed whether standard input is a terminal
     */
    LoginCommand(InputStream stdin, Supplier<Optional<Prompt>> terminal, BooleanSupplier typed, Clock clock) {
        this.stdin = stdin;
        this.terminal = terminal;
        this.typed = typed;
        this.clock = clock;
    }

    @Override
    public Integer call() throws SecretException, StateException, TokenException {
        String program = spec.root().name();
        try {
            HolderName.require("--profile", profile);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()), e);
        }
        KeptProxy way = proxy.said();
        Consumer<String> warn = line -> say(spec.commandLine().getErr(), program + ": warning: " + line);
        String jwt = read(warn);
        Path directory = state.path(program);
        Profiles profiles = new Profiles(directory);
        Token given = TokenReader.read(jwt, Token.Kind.valueOf(program.toUpperCase(Locale.ROOT)));
        // What it was replaced by: in this profile, or for processes that were given it with --token-file.
        HolderOptions.Holder here = HolderOptions.Holder.of(jwt, given, profile);
        HolderOptions.Holder own = profiles.holds(profile, jwt) ? RenewedToken.newest(here, directory, clock) : here;
        HolderOptions.Holder other = RenewedToken.newest(HolderOptions.Holder.of(jwt, given, null), directory, clock);
        boolean otherIsNewer = other.token().expires().isAfter(own.token().expires());
        Token token = otherIsNewer ? other.token() : own.token();
        check(token, directory);
        profiles.keep(profile, jwt, otherIsNewer ? other.jwt() : null, way);
        say(
                spec.commandLine().getOut(),
                program + ": logged in as '" + token.name() + "' at "
                        + token.gateways().get(0) + (way == null ? "" : " " + way) + ", until " + token.expires()
                        + "; profile '" + profile + "' in "
                        + directory);
        if (program.equals(Token.Kind.CLIENT.toString()) && state.isForUser()) {
            warn.accept("what runs with sudo does not look there: for 'sudo client up' run 'sudo client login'");
        }
        return 0;
    }

    private String read(Consumer<String> warn) throws SecretException {
        Optional<Prompt> prompt = file == null ? terminal.get() : Optional.empty();
        if (file == null && prompt.isEmpty() && typed.getAsBoolean()) {
            throw new SecretException(
                    "the token cannot be asked for, as standard output is not the terminal: name a file"
                            + " that holds it, or - for standard input, where what is typed is shown");
        }
        if (prompt.isEmpty()) {
            return SecretSource.read(file == null ? SecretSource.STDIN : file, Map.of(), stdin, warn);
        }
        char[] typed = prompt.get().ask("Token (it is not shown): ");
        if (typed.length >= TERMINAL_LINE) {
            throw new SecretException("a terminal takes " + TERMINAL_LINE
                    + " characters in a line, and this token has more: put it into a file, and name that");
        }
        return TokenInput.of(new String(typed), "what was typed", warn);
    }

    /** What can be known of it here: what only the gateway knows, it says at the first connection. */
    private void check(Token token, Path directory) throws TokenException, StateException {
        if (!clock.instant().isBefore(token.expires())) {
            throw new TokenException(
                    TokenException.Cause.EXPIRED,
                    "the token of '" + token.name() + "' has ended at " + token.expires() + ": ask for another one");
        }
        if (token.binding() instanceof TokenBinding.Key) {
            HolderKey.existing(directory, token);
        }
    }

    private static void say(PrintWriter to, String line) {
        to.println(Printable.line(line));
        to.flush();
    }
}
