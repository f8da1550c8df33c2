package dev.culvert.token.issue;

import dev.culvert.token.holder.Prompt;
import dev.culvert.token.holder.SecretException;
import dev.culvert.token.holder.SecretSource;
import dev.culvert.token.state.Passphrase;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option {@code --passphrase-file}, for use as a picocli mixin. There is no option that takes the passphrase itself. */
final class PassphraseOption {
    static final String VARIABLE = "CULVERT_PASSPHRASE";

    @Option(
            names = "--passphrase-file",
            paramLabel = "FILE",
            description = {
                "File with the passphrase of the signing key. Default: the environment variable " + VARIABLE + ",",
                "else it is asked for on the terminal."
            })
    @Nullable
    String file;

    /** Whether one was given without a terminal. */
    boolean isGiven(TokenCommand root) {
        String value = root.env.get(VARIABLE);
        return file != null || value != null && !value.isEmpty();
    }

    /** Where to get the passphrase of an existing key. */
    Passphrase source(TokenCommand root) {
        return what -> {
            char[] given = given(root);
            return given != null ? given : prompt(root).ask("Passphrase of " + what + ": ");
        };
    }

    /** A passphrase for a new key, typed twice where it is typed. */
    char[] choose(TokenCommand root) throws IOException {
        char[] given = given(root);
        return given != null ? given : choose(root, null, "Passphrase for the signing key: ");
    }

    /** The passphrase in a file, else one that is typed twice. */
    static char[] choose(TokenCommand root, @Nullable String file, String question) throws IOException {
        return file != null ? SecretSource.passphrase(file) : prompt(root).askTwice(question);
    }

    private static Prompt prompt(TokenCommand root) throws SecretException {
        Prompt prompt = root.prompt;
        if (prompt == null) {
            throw new SecretException("no passphrase: give it with --passphrase-file FILE, in the environment variable "
                    + VARIABLE + ", or on a terminal");
        }
        return prompt;
    }

    private char @Nullable [] given(TokenCommand root) throws SecretException {
        if (file != null) {
            return SecretSource.passphrase(file);
        }
        String value = root.env.get(VARIABLE);
        return value == null || value.isEmpty() ? null : value.toCharArray();
    }
}
