package dev.culvert.token;

import dev.culvert.command.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Where a process gets its token from: a file, standard input, or the environment. Never the command line, which every
 * user of the machine can read in the process list.
 */
public final class SecretSource {
    /** The environment variable. */
    public static final String VARIABLE = "CULVERT_TOKEN";

    /** The file name that means standard input. */
    public static final String STDIN = "-";

    /** Longest passphrase, in bytes; more is a mix-up of files. */
    private static final int MAX_PASSPHRASE = 1024;

    private static final String WAYS =
            "give it with --token-file FILE, with --token-file - on standard input, or in the"
                    + " environment variable " + VARIABLE;

    private SecretSource() {}

    /**
     * Reads the token from the named file, else from the environment.
     *
     * @param file a path, {@code -} for standard input, or null to use the environment
     * @param env the environment
     * @param stdin standard input; read to its end only if {@code file} is {@code -}
     * @param warn told in one line when a file can be read by other users
     * @return the token's text without surrounding white space; not verified, not empty
     * @throws SecretException if there is none or it cannot be read
     */
    public static String read(@Nullable String file, Map<String, String> env, InputStream stdin, Consumer<String> warn)
            throws SecretException {
        if (file == null) {
            String value = env.get(VARIABLE);
            if (value == null || value.isBlank()) {
                throw new SecretException("no token: " + WAYS);
            }
            return check(value, "environment variable " + VARIABLE);
        }
        if (file.equals(STDIN)) {
            try {
                return check(bounded(stdin), "standard input");
            } catch (IOException e) {
                throw e instanceof SecretException known
                        ? known
                        : new SecretException("cannot read the token from standard input: " + e.getMessage(), e);
            }
        }
        return fromFile(file, warn);
    }

    private static String fromFile(String file, Consumer<String> warn) throws SecretException {
        try {
            Path path = Path.of(file);
            String text;
            try (InputStream in = Files.newInputStream(path)) {
                text = bounded(in);
            }
            if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
                if (permissions.contains(PosixFilePermission.OTHERS_READ)) {
                    warn.accept("token file " + file + " can be read by every user of this machine: chmod 600 " + file);
                }
            }
            return check(text, "token file " + file);
        } catch (SecretException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw new SecretException("token file " + file + " does not exist: " + WAYS, e);
        } catch (IOException | IllegalArgumentException e) {
            throw new SecretException(
                    "token file " + Printable.shorten(file) + " cannot be read (" + e + "): make it readable, or "
                            + WAYS,
                    e);
        }
    }

    /** A token plus generous white space; never an endless pipe or a whole disk. */
    private static String bounded(InputStream in) throws IOException {
        return new String(in.readNBytes(2 * TokenCodec.MAX_LENGTH), StandardCharsets.UTF_8);
    }

    private static String check(String text, String where) throws SecretException {
        String token = text.strip();
        if (token.isEmpty()) {
            throw new SecretException(where + " is empty: put the text there that token client or token agent printed");
        }
        if (token.length() > TokenCodec.MAX_LENGTH) {
            throw new SecretException(where + " holds " + token.length() + " characters or more, a token has at most "
                    + TokenCodec.MAX_LENGTH + ": put only the token there");
        }
        return token;
    }

    /**
     * Reads a passphrase: the first line of a file.
     *
     * @param file a path
     * @throws SecretException if it cannot be read or is empty
     */
    public static char[] passphrase(String file) throws SecretException {
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            String text = new String(in.readNBytes(MAX_PASSPHRASE), StandardCharsets.UTF_8);
            String line = text.lines().findFirst().orElse("");
            if (line.isEmpty()) {
                throw new SecretException("passphrase file " + Printable.shorten(file) + " is empty: put the passphrase"
                        + " into its first line");
            }
            return line.toCharArray();
        } catch (SecretException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new SecretException(
                    "passphrase file " + Printable.shorten(file) + " cannot be read (" + e + "): make it readable", e);
        }
    }
}
