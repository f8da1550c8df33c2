package dev.culvert.client.doctor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Takes secrets out of texts: all that a state directory holds as such (tokens, keys, passwords of proxies, ids of sessions), and what
 * looks like one, wherever it comes from. Rather too much is taken than too little.
 */
final class Redaction {
    /** In the place of a secret. */
    static final String GONE = "[secret]";

    /** Shorter words are part of other words; a proxy's password of fewer letters is no secret anyway. */
    private static final int LEAST = 4;

    /** Of a word in a file: no key or id is shorter. */
    private static final int LEAST_WORD = 8;

    /** No file with a secret is larger. */
    private static final long MAX_FILE = 64 << 10;

    private static final String PROXY = ".proxy";

    /** What of a state directory is told, or tells nothing. */
    private static final Pattern OPEN = Pattern.compile("client.*\\.log.*|.*\\.journal|.*\\.sock|.*\\.lock|profile");

    /** Tokens, also of others; what stands behind a scheme of log-in; who logs in by a URL; keys. */
    private static final List<Pattern> LOOKS = List.of(
            Pattern.compile("eyJ[A-Za-z0-9_-]{8,}(\\.[A-Za-z0-9_-]*){0,2}"),
            Pattern.compile("(?i)(?<=\\b(?:bearer|basic|negotiate|digest) )[A-Za-z0-9+/=._~-]{8,}"),
            Pattern.compile("(?<=://)[^/\\s@]+(?=@)"),
            Pattern.compile("(?s)-----BEGIN [A-Z ]*KEY-----.*?-----END [A-Z ]*KEY-----"));

    private final List<String> secrets;

    private Redaction(Set<String> secrets) {
        // One may be a part of another.
        this.secrets = secrets.stream()
                .sorted(Comparator.comparingInt(String::length).reversed())
                .toList();
    }

    /**
     * Knows what a directory holds.
     *
     * @throws IOException if something of it cannot be read: what is not known cannot be taken out
     */
    static Redaction of(Path directory) throws IOException {
        Set<String> secrets = new LinkedHashSet<>();
        if (Files.isDirectory(directory)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
                for (Path file : files) {
                    String name = file.getFileName().toString();
                    if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                            && !OPEN.matcher(name).matches()
                            && Files.size(file) <= MAX_FILE) {
                        String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
                        secrets.addAll(name.endsWith(PROXY) ? login(text) : words(text));
                    }
                }
            }
        }
        return new Redaction(secrets);
    }

    /** Behind the URL there is {@code USER:PASSWORD}. */
    private static List<String> login(String text) {
        return text.lines()
                .skip(1)
                .flatMap(line -> Stream.of(line, line.substring(line.indexOf(':') + 1)))
                .filter(part -> part.length() >= LEAST)
                .toList();
    }

    private static List<String> words(String text) {
        return Stream.of(text.split("\\s+"))
                .filter(word -> word.length() >= LEAST_WORD && !word.startsWith("-----") && !word.endsWith("-----"))
                .toList();
    }

    /** The same without secrets. */
    String clean(String text) {
        String clean = text;
        for (String secret : secrets) {
            clean = clean.replace(secret, GONE);
        }
        for (Pattern look : LOOKS) {
            clean = look.matcher(clean).replaceAll(Matcher.quoteReplacement(GONE));
        }
        return clean;
    }
}
