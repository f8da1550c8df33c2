package dev.culvert.token.issue;

import dev.culvert.token.holder.SecretException;
import dev.culvert.token.holder.SecretSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Parameters;

/** The parameter {@code FILE} of the subcommands that look at a token, as a picocli mixin. */
final class TokenFile {
    @Parameters(
            arity = "0..1",
            paramLabel = "FILE",
            description = "File with the token, or - for standard input. Default: environment variable CULVERT_TOKEN.")
    @Nullable
    String file;

    /** The token's text. */
    String read(Subcommand command) throws SecretException {
        TokenCommand root = command.root();
        return SecretSource.read(file, root.env, root.stdin, line -> command.say("warning: " + line));
    }
}
