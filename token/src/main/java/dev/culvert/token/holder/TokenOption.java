package dev.culvert.token.holder;

import java.io.InputStream;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option {@code --token-file}, for use as a picocli mixin. There is no option that takes the token itself. */
public final class TokenOption {
    @Option(
            names = "--token-file",
            paramLabel = "FILE",
            description = {
                "File that holds the token, or - for standard input.",
                "Default: the environment variable CULVERT_TOKEN, else the token that 'login' keeps."
            })
    @Nullable
    String file;

    /** Whether a token is given here. */
    boolean isGiven(Map<String, String> env) {
        return file != null || !env.getOrDefault(SecretSource.VARIABLE, "").isBlank();
    }

    /**
     * The token's text.
     *
     * @param env the environment, {@code System.getenv()} but in tests
     * @param stdin standard input, read only if asked for
     * @param warn told in one line of a file that others can read
     * @throws SecretException with one line naming the three ways to give a token
     */
    public String resolve(Map<String, String> env, InputStream stdin, Consumer<String> warn) throws SecretException {
        return SecretSource.read(file, env, stdin, warn);
    }
}
