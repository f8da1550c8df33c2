package dev.culvert.gateway.certificate.dns;

import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.xbill.DNS.Name;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TextParseException;

/** A file with a key by which updates are signed: the secret alone, in base64, or a {@code key} clause as BIND writes it. */
final class TsigKeyFile {
    /** What tsig-keygen makes. */
    static final String USUAL = "hmac-sha256";

    /** What servers still take; MD5 and SHA-1 are not offered. */
    private static final List<String> ALGORITHMS = List.of("hmac-sha224", USUAL, "hmac-sha384", "hmac-sha512");

    private static final int MAX_SIZE = 16 * 1024;
    private static final Pattern NAME = Pattern.compile("key\\s+\"?([^\"\\s{]+)\"?\\s*\\{");
    private static final Pattern ALGORITHM = Pattern.compile("algorithm\\s+\"?([A-Za-z0-9-]+)\\.?\"?\\s*;");
    private static final Pattern SECRET = Pattern.compile("secret\\s+\"?([A-Za-z0-9+/=]+)\"?\\s*;");

    private TsigKeyFile() {}

    /**
     * An algorithm's name as it is written.
     *
     * @throws IllegalArgumentException with one line for people
     */
    static String algorithm(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        if (!ALGORITHMS.contains(lower)) {
            throw new IllegalArgumentException("algorithm=" + Printable.shorten(text)
                    + " is not supported: take one of " + String.join(", ", ALGORITHMS));
        }
        return lower;
    }

    /**
     * Reads it.
     *
     * @throws IOException with one line for people, without anything of the secret
     */
    static TSIG read(Path file, String name, String algorithm) throws IOException {
        String text;
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_SIZE + 1);
            if (bytes.length > MAX_SIZE) {
                throw new IOException(file + " is larger than " + MAX_SIZE + " bytes and cannot be a key");
            }
            text = new String(bytes, StandardCharsets.UTF_8);
        } catch (java.nio.file.FileSystemException e) {
            throw new IOException(
                    file + " cannot be read (" + FileError.reason(e) + "): "
                            + FileError.cure(e, "let whom the gateway runs as read it"),
                    e);
        }
        Matcher clause = NAME.matcher(text);
        String secret = text.strip();
        String by = algorithm;
        if (clause.find()) {
            if (!absolute(clause.group(1)).equals(absolute(name))) {
                throw new IOException(
                        file + " holds the key '" + Printable.shorten(clause.group(1)) + "', not '" + name + "'");
            }
            Matcher said = ALGORITHM.matcher(text);
            Matcher value = SECRET.matcher(text);
            if (!said.find() || !value.find()) {
                throw new IOException(file + " holds a key clause without algorithm or secret");
            }
            try {
                by = algorithm(said.group(1));
            } catch (IllegalArgumentException e) {
                throw new IOException(file + ": " + e.getMessage(), e);
            }
            secret = value.group(1);
        }
        try {
            byte[] key = Base64.getDecoder().decode(secret);
            if (key.length > 0) {
                return new TSIG(TSIG.algorithmToName(by), absolute(name), key);
            }
        } catch (IllegalArgumentException e) {
            throw notOne(file); // without the cause, which quotes the secret
        }
        throw notOne(file);
    }

    private static IOException notOne(Path file) {
        return new IOException(file + " holds no key: write it there in base64, or as tsig-keygen shows it");
    }

    private static Name absolute(String name) throws IOException {
        try {
            return Name.fromString(name, Name.root);
        } catch (TextParseException e) {
            throw new IOException("'" + Printable.shorten(name) + "' is no name of a key", e);
        }
    }
}
