package dev.culvert.store.cluster;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Where a store is, and what it takes to be let in.
 *
 * <pre>
 * file:/DIR
 * redis://[USER@]HOST[:PORT][/DB]                        rediss:// the same by TLS
 * redis-sentinel://[USER@]HOST[:PORT][,...]/MASTER       rediss-sentinel:// the same by TLS
 * redis-socket:///PATH
 * </pre>
 *
 * A password is no part of it: addresses are seen in the list of processes.
 *
 * @param scheme of the URL, in lower case
 * @param user whom the store knows the password of; null for its default one
 * @param hosts where it, or its sentinels, are
 * @param database number of the database
 * @param path the directory or the socket; the name of the master behind sentinels; else empty
 * @param password null if there is none
 * @param sentinelPassword what the sentinels themselves ask for; null for nothing
 * @param authority file with the certificates that its own is checked by; null for those that the JVM trusts
 */
public record StoreAddress(
        String scheme,
        @Nullable String user,
        List<HostPort> hosts,
        int database,
        String path,
        char @Nullable [] password,
        char @Nullable [] sentinelPassword,
        @Nullable Path authority) {
    private static final int PORT = 6379;
    private static final int SENTINEL_PORT = 26379;

    /** More sentinels than anybody runs. */
    private static final int MAX_HOSTS = 16;

    private static final Set<String> DIRECT = Set.of("redis", "rediss");
    private static final Set<String> SENTINEL = Set.of("redis-sentinel", "rediss-sentinel");
    private static final String SOCKET = "redis-socket";
    private static final String FILE = "file";
    private static final Pattern HOST = Pattern.compile("(\\[[0-9A-Fa-f:.]+]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?");
    private static final Pattern USER = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final Pattern MASTER = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final Pattern DATABASE = Pattern.compile("[0-9]{1,4}");
    private static final String FORMS = "write file:/DIR, redis://HOST:PORT/DB, rediss://HOST:PORT/DB,"
            + " redis-sentinel://HOST,HOST,HOST/MASTER or redis-socket:///PATH";

    /** A host name, or an address (of IPv6 without brackets), and a port. */
    public record HostPort(String host, int port) {
        @Override
        public String toString() {
            return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
        }
    }

    public StoreAddress {
        hosts = List.copyOf(hosts);
    }

    /**
     * Reads an address.
     *
     * @throws IllegalArgumentException with one line for people, which never repeats a password
     */
    public static StoreAddress parse(String text) {
        URI uri;
        try {
            uri = new URI(text);
        } catch (URISyntaxException e) {
            // What it says may hold a password, and so may the text.
            throw new IllegalArgumentException("the store's address is no URL: " + FORMS);
        }
        String scheme = uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(java.util.Locale.ROOT);
        String authority = uri.getRawAuthority() == null ? "" : uri.getRawAuthority();
        int at = authority.lastIndexOf('@');
        String user = at < 0 ? null : authority.substring(0, at);
        String places = authority.substring(at + 1);
        if (user != null && user.indexOf(':') >= 0) {
            throw new IllegalArgumentException("the store's address holds a password, which every user of this machine"
                    + " could read in the list of processes: leave it out and give it with --store-password-file FILE"
                    + " or in CULVERT_STORE_PASSWORD");
        }
        if (uri.getRawQuery() != null || uri.getRawFragment() != null) {
            throw new IllegalArgumentException("the store's address has something behind '?' or '#': " + FORMS);
        }
        if (user != null && !USER.matcher(user).matches()) {
            throw new IllegalArgumentException(
                    "the store's user is 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-': " + FORMS);
        }
        String path = uri.getPath() == null ? "" : uri.getPath();
        if (scheme.equals(FILE) || scheme.equals(SOCKET)) {
            if (!places.isEmpty() || path.length() < 2 || scheme.equals(FILE) && user != null) {
                throw new IllegalArgumentException("the store's address names no path: " + FORMS);
            }
            return new StoreAddress(scheme, user, List.of(), 0, path, null, null, null);
        }
        String rest = path.startsWith("/") ? path.substring(1) : path;
        if (SENTINEL.contains(scheme)) {
            if (!MASTER.matcher(rest).matches()) {
                throw new IllegalArgumentException(
                        "the store's address names no master behind the sentinels: " + FORMS);
            }
            return new StoreAddress(scheme, user, hosts(places, SENTINEL_PORT), 0, rest, null, null, null);
        }
        if (!DIRECT.contains(scheme)) {
            throw new IllegalArgumentException("the store's address is of no kind that is known: " + FORMS);
        }
        List<HostPort> hosts = hosts(places, PORT);
        if (hosts.size() != 1) {
            throw new IllegalArgumentException("the store's address names several hosts and no sentinels: " + FORMS);
        }
        if (!rest.isEmpty() && !DATABASE.matcher(rest).matches()) {
            throw new IllegalArgumentException("the store's database is a number: " + FORMS);
        }
        int database = rest.isEmpty() ? 0 : Integer.parseInt(rest);
        return new StoreAddress(scheme, user, hosts, database, "", null, null, null);
    }

    private static List<HostPort> hosts(String places, int usual) {
        List<HostPort> hosts = new ArrayList<>();
        for (String place : places.split(",", -1)) {
            Matcher host = HOST.matcher(place);
            int port = !host.matches() ? 0 : host.group(2) == null ? usual : Integer.parseInt(host.group(2));
            if (port < 1 || port > 65_535 || hosts.size() == MAX_HOSTS) {
                throw new IllegalArgumentException("the store's address names no host, or too many: " + FORMS);
            }
            String name = host.group(1);
            hosts.add(new HostPort(name.startsWith("[") ? name.substring(1, name.length() - 1) : name, port));
        }
        return hosts;
    }

    /**
     * The same place, with what opens it.
     *
     * @param secret the store's password
     * @param sentinels its sentinels'
     */
    public StoreAddress with(char @Nullable [] secret, char @Nullable [] sentinels, @Nullable Path certificates) {
        return new StoreAddress(scheme, user, hosts, database, path, secret, sentinels, certificates);
    }

    /** Whether it is a directory. */
    public boolean isDirectory() {
        return scheme.equals(FILE);
    }

    /** Whether it is a Unix socket. */
    public boolean isSocket() {
        return scheme.equals(SOCKET);
    }

    /** Whether sentinels say where it is. */
    public boolean isBehindSentinels() {
        return SENTINEL.contains(scheme);
    }

    /** Whether what is said is encrypted, and the store's certificate checked. */
    public boolean isTls() {
        return scheme.startsWith("rediss");
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof StoreAddress address
                && toString().equals(address.toString())
                && Arrays.equals(password, address.password)
                && Arrays.equals(sentinelPassword, address.sentinelPassword)
                && java.util.Objects.equals(authority, address.authority);
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    /** As it is written; the password is no part of it. */
    @Override
    public String toString() {
        if (isDirectory()) {
            return FILE + ":" + path;
        }
        StringBuilder text = new StringBuilder(scheme).append("://");
        if (user != null) {
            text.append(user).append('@');
        }
        text.append(String.join(",", hosts.stream().map(HostPort::toString).toList()));
        if (isSocket()) {
            return text.append(path).toString();
        }
        return text.append('/').append(isBehindSentinels() ? path : database).toString();
    }
}
