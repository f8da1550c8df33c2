package dev.culvert.gateway.access;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyException;
import dev.culvert.policy.PolicyParser;
import dev.culvert.policy.PolicyTests;
import dev.culvert.text.FileError;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Reads policy files, with errors of one line that begin with file, line and column. Blocks: not on an event loop. */
public final class PolicyFile {
    /** Its name in the state directory. */
    public static final String NAME = "policy.yaml";

    /** As large as the parser reads at most, were every character four bytes long; so this bounds what is read at all. */
    static final int MAX_BYTES = 16 << 20;

    private PolicyFile() {}

    /** What the file says is wrong: it will be as long as it is the same, while one that cannot be read may be soon. */
    static final class WrongException extends IOException {
        private static final long serialVersionUID = 1;

        WrongException(String message, @Nullable Exception cause) {
            super(message, cause);
        }
    }

    /**
     * A policy, and which file it was.
     *
     * @param sha256 of its bytes, in hexadecimal digits: what sha256sum(1) says of it
     * @param version as it was pushed to a store; null of a file
     */
    record Loaded(Policy policy, String sha256, @Nullable Long version) {}

    /**
     * Reads a file and checks it, without its tests.
     *
     * @throws IOException when it cannot be read
     * @throws PolicyException when it is wrong
     */
    public static Policy parse(Path path) throws IOException, PolicyException {
        return PolicyParser.parse(text(path));
    }

    /**
     * What a file says.
     *
     * @throws IOException when it cannot be read, or is no text
     */
    public static String text(Path path) throws IOException {
        return text(path.toString(), read(path));
    }

    private static byte[] read(Path path) throws IOException {
        try {
            long size = Files.size(path);
            if (size > MAX_BYTES) {
                throw new WrongException(
                        path + ": it has " + size + " bytes, at most " + MAX_BYTES + " are read", null);
            }
            return Files.readAllBytes(path);
        } catch (WrongException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw new IOException(path + ": there is no such file; write one as docs/policy.md shows, or name it", e);
        } catch (IOException e) {
            throw new IOException(
                    path + ": cannot be read (" + FileError.reason(e) + "); "
                            + FileError.cure(e, "let whom the gateway runs as read it"),
                    e);
        }
    }

    private static String text(String where, byte[] bytes) throws WrongException {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new WrongException(where + ": it is not UTF-8; save it as such", e);
        }
    }

    /**
     * Reads a file, checks it and runs its tests.
     *
     * @throws WrongException when it is wrong, with one line for people
     * @throws IOException when it cannot be read, likewise
     */
    static Loaded load(Path path, SensitiveAddresses sensitive) throws IOException {
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            // To open a pipe waits for somebody who writes.
            throw new WrongException(path + ": it is no regular file; put one there", null);
        }
        return load(path.toString(), read(path), null, sensitive);
    }

    /** The same of what was read from there. */
    static Loaded load(String where, byte[] bytes, @Nullable Long version, SensitiveAddresses sensitive)
            throws WrongException {
        try {
            Policy policy = PolicyParser.parse(text(where, bytes));
            PolicyTests.require(policy, sensitive);
            return new Loaded(policy, sha256(bytes), version);
        } catch (PolicyException e) {
            int more = e.errors().size() - 1;
            throw new WrongException(
                    e.errors().get(0).in(where) + (more == 0 ? "" : " (and " + more + " more: gateway policy check)"),
                    e);
        }
    }

    static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has it
        }
    }
}
