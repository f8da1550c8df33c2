package dev.culvert.token.holder;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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

    /** For a program that writes a token into a pipe that we are given: one that asks a vault, say. */
    private static final Duration PIPE_PATIENCE = Duration.ofSeconds(30);

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
            return TokenInput.of(value, "environment variable " + VARIABLE, warn);
        }
        if (file.equals(STDIN)) {
            try {
                return TokenInput.of(bounded(stdin), "standard input", warn);
            } catch (IOException e) {
                throw e instanceof SecretException known
                        ? known
                        : new SecretException("cannot read the token from standard input: " + words(e), e);
            }
        }
        return fromFile(file, warn);
    }

    private static String fromFile(String file, Consumer<String> warn) throws SecretException {
        String where = "token file " + Printable.shorten(file);
        try {
            Path path = Path.of(file);
            if (Files.isDirectory(path)) {
                throw new SecretException(where + " is a directory: name the file in it that holds the token");
            }
            byte[] bytes =
                    Files.isRegularFile(path) || !Files.exists(path) ? bounded(path) : boundedInTime(path, where);
            if (path.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(path);
                if (Files.isRegularFile(path) && permissions.contains(PosixFilePermission.OTHERS_READ)) {
                    warn.accept(where + " can be read by every user of this machine: chmod 600 " + file);
                }
            }
            return TokenInput.of(bytes, where, warn);
        } catch (SecretException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw new SecretException(where + " does not exist: " + WAYS, e);
        } catch (IOException | IllegalArgumentException e) {
            throw new SecretException(
                    where + " cannot be read (" + words(e) + "): make it readable for who runs this, or " + WAYS, e);
        }
    }

    private static String words(Exception e) {
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (e instanceof FileSystemException f && f.getReason() != null) {
            return f.getReason();
        }
        return e.getMessage() == null ? "input/output error" : Printable.text(e.getMessage());
    }

    /** A token plus generous white space; never an endless pipe or a whole disk. */
    private static byte[] bounded(InputStream in) throws IOException {
        return in.readNBytes(TokenInput.MAX_BYTES + 1);
    }

    private static byte[] bounded(Path path) throws IOException {
        try (InputStream in = Files.newInputStream(path)) {
            return bounded(in);
        }
    }

    /** A pipe that nobody writes to holds up whoever opens it, for ever. The shell's {@code <(command)} is a pipe as well. */
    private static byte[] boundedInTime(Path path, String where) throws IOException {
        FutureTask<byte[]> read = new FutureTask<>(() -> bounded(path));
        Thread reader = new Thread(read, "token-file");
        reader.setDaemon(true);
        reader.start();
        try {
            return read.get(PIPE_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new SecretException(where + " is a pipe, and nobody has written a token into it within "
                    + PIPE_PATIENCE.toSeconds() + " s: " + WAYS);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }

    /**
     * Reads a passphrase: the first line of a file.
     *
     * @param file a path
     * @throws SecretException if it cannot be read or is empty
     */
    public static char[] passphrase(String file) throws SecretException {
        return firstLine("passphrase", file);
    }

    /**
     * Reads a password: the first line of a file.
     *
     * @param file a path
     * @throws SecretException if it cannot be read or is empty
     */
    public static char[] password(String file) throws SecretException {
        return firstLine("password", file);
    }

    private static char[] firstLine(String what, String file) throws SecretException {
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            String text = new String(in.readNBytes(MAX_PASSPHRASE), StandardCharsets.UTF_8);
            String line = text.lines().findFirst().orElse("");
            if (line.isEmpty()) {
                throw new SecretException(what + " file " + Printable.shorten(file) + " is empty: put the " + what
                        + " into its first line");
            }
            return line.toCharArray();
        } catch (SecretException e) {
            throw e;
        } catch (IOException | IllegalArgumentException e) {
            throw new SecretException(
                    what + " file " + Printable.shorten(file) + " cannot be read (" + words(e) + "): make it readable",
                    e);
        }
    }
}
