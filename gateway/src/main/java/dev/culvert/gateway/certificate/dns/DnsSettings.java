package dev.culvert.gateway.certificate.dns;

import dev.culvert.address.HostPattern;
import dev.culvert.text.Printable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * How the records that prove names come into the DNS.
 *
 * @param by what changes them
 * @param zone names in it are proved this way, and it is not looked for; null for all that no other is for
 * @param resolver whom to ask about names, as {@code ADDRESS[:PORT]}; null for the system's
 * @param within how long to wait until the zone's servers show a record
 */
public record DnsSettings(
        By by, @Nullable String zone, @Nullable String resolver, Duration within) {
    private static final String FORM =
            "write rfc2136:SERVER[:PORT],key=NAME:FILE or exec:/path/of/program, and behind it, with commas, zone=ZONE,"
                    + " resolver=ADDRESS[:PORT], wait=SECONDS, and algorithm=NAME for a key, timeout=SECONDS for a program";

    /** Secondary servers are told at once (NOTIFY), and some ask only every minute or two. */
    static final Duration WAIT = Duration.ofMinutes(2);

    /** A provider's interface may be slow. */
    static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static final long MAX_SECONDS = 1_800;
    private static final int DNS = 53;

    /** Who changes records. */
    public sealed interface By {}

    /**
     * A server, by dynamic updates (RFC 2136) with a key (TSIG, RFC 8945).
     *
     * @param key its name
     * @param keyFile a file with the key: in base64, or as {@code tsig-keygen} writes it
     * @param algorithm of the key, unless the file says it
     */
    public record Updates(String server, int port, String key, Path keyFile, String algorithm) implements By {}

    /**
     * A program, run as {@code PROGRAM present|cleanup NAME VALUE}.
     *
     * @param path absolute
     */
    public record Program(Path path, Duration timeout) implements By {}

    /** A host and a port, in any of the usual forms. */
    record HostPort(String host, int port) {
        /** @throws IllegalArgumentException if it is none */
        static HostPort parse(String text) {
            String host = text;
            int port = DNS;
            int end = text.startsWith("[") ? text.indexOf(']') : -1;
            int colon = text.lastIndexOf(':');
            if (end > 0) {
                host = text.substring(1, end);
            } else if (colon >= 0 && text.indexOf(':') == colon) {
                host = text.substring(0, colon);
            }
            if (end > 0 ? colon > end : colon >= 0 && text.indexOf(':') == colon) {
                port = Integer.parseInt(text.substring(colon + 1));
            }
            if (host.isEmpty() || port < 1 || port > 65_535) {
                throw new NumberFormatException();
            }
            return new HostPort(host, port);
        }
    }

    /**
     * Reads what {@code --acme-dns} takes.
     *
     * @throws IllegalArgumentException with one line that says what is wrong
     */
    public static DnsSettings parse(String text) {
        String[] parts = text.split(",", -1);
        Map<String, String> options = new TreeMap<>();
        for (String part : List.of(parts).subList(1, parts.length)) {
            int equals = part.indexOf('=');
            if (equals < 1
                    || equals == part.length() - 1
                    || options.put(part.substring(0, equals), part.substring(equals + 1)) != null) {
                throw wrong("'" + Printable.shorten(part) + "' is not understood");
            }
        }
        By by;
        if (parts[0].startsWith("rfc2136:")) {
            by = updates(parts[0].substring("rfc2136:".length()), options);
        } else if (parts[0].startsWith("exec:")) {
            by = program(parts[0].substring("exec:".length()), options);
        } else {
            throw wrong("'" + Printable.shorten(parts[0]) + "' is neither rfc2136: nor exec:");
        }
        String zone = take(options, "zone", value -> {
            String name = HostPattern.normalize(value);
            if (name == null) {
                throw wrong("zone=" + Printable.shorten(value) + " is no name");
            }
            return name;
        });
        String resolver = take(options, "resolver", value -> {
            hostPort(value);
            return value;
        });
        Duration wait = take(options, "wait", value -> seconds("wait", value));
        if (!options.isEmpty()) {
            throw wrong("'" + Printable.shorten(options.keySet().iterator().next()) + "' is not understood");
        }
        return new DnsSettings(by, zone, resolver, wait == null ? WAIT : wait);
    }

    private static By updates(String server, Map<String, String> options) {
        HostPort at = hostPort(server);
        String key = options.remove("key");
        int colon = key == null ? -1 : key.indexOf(':');
        if (key == null || colon < 1 || colon == key.length() - 1) {
            throw wrong("rfc2136: needs a key, so that not everybody may change the zone");
        }
        String algorithm = options.remove("algorithm");
        return new Updates(
                at.host(),
                at.port(),
                key.substring(0, colon),
                Path.of(key.substring(colon + 1)),
                TsigKeyFile.algorithm(algorithm == null ? TsigKeyFile.USUAL : algorithm));
    }

    private static By program(String text, Map<String, String> options) {
        Path path = Path.of(text);
        if (!path.isAbsolute()) {
            throw wrong("exec: takes a program's absolute path, so that it is the same from everywhere");
        }
        if (!Files.isRegularFile(path) || !Files.isExecutable(path)) {
            throw new IllegalArgumentException(
                    "'" + Printable.shorten(text) + "' is no program that can be run: check the path,"
                            + " and make it executable for whom the gateway runs as");
        }
        Duration timeout = take(options, "timeout", value -> seconds("timeout", value));
        return new Program(path, timeout == null ? TIMEOUT : timeout);
    }

    private static <T> @Nullable T take(Map<String, String> options, String name, Function<String, T> read) {
        String value = options.remove(name);
        return value == null ? null : read.apply(value);
    }

    private static HostPort hostPort(String text) {
        try {
            return HostPort.parse(text);
        } catch (NumberFormatException e) {
            throw wrong("'" + Printable.shorten(text) + "' is no server and port");
        }
    }

    private static Duration seconds(String option, String text) {
        try {
            long seconds = Long.parseLong(text);
            if (seconds >= 1 && seconds <= MAX_SECONDS) {
                return Duration.ofSeconds(seconds);
            }
        } catch (NumberFormatException e) {
            throw wrong(option + "=" + Printable.shorten(text) + " is no number of seconds");
        }
        throw wrong(option + "=" + text + ": allowed are 1 to " + MAX_SECONDS);
    }

    private static IllegalArgumentException wrong(String what) {
        return new IllegalArgumentException(what + ": " + FORM);
    }
}
