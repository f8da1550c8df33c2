package dev.culvert.gateway.cluster;

import dev.culvert.address.AddressText;
import dev.culvert.token.GatewayUrls;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A gateway of the cluster, as the roster has it.
 *
 * @param name by which all know it: host and port
 * @param url which of the URLs that tokens say is its; null when it was not told
 * @param version of the program, for people
 * @param since when it began to listen
 * @param lost when another found that it no longer kept its lease; null while it does
 */
public record Member(
        String name,
        @Nullable String url,
        @Nullable String version,
        Instant since,
        @Nullable Instant lost) {
    /** A host name of 253 characters, or an address in brackets, and a port. */
    private static final Pattern NAME = Pattern.compile("[!-~]{1,280}");

    /** @throws IllegalArgumentException if it has no such name */
    public Member {
        if (!NAME.matcher(Objects.requireNonNullElse(name, "")).matches()) {
            throw new IllegalArgumentException("a gateway's name has 1 to 280 characters of printable ASCII");
        }
        Objects.requireNonNull(since, "since");
    }

    /**
     * This process. Its name is that of its URL, else this machine's.
     *
     * @param url null when it was not told which is its
     * @param listen where it listens
     */
    public static Member of(@Nullable URI url, InetSocketAddress listen, String version, Clock clock) {
        String name;
        if (url != null) {
            URI canonical = GatewayUrls.canonical(url);
            name = AddressText.host(canonical) + ":" + AddressText.port(canonical);
        } else {
            name = machine() + ":" + listen.getPort();
        }
        return new Member(
                name,
                url == null ? null : GatewayUrls.canonical(url).toString(),
                version,
                clock.instant().truncatedTo(ChronoUnit.SECONDS),
                null);
    }

    private static String machine() {
        try {
            String name = InetAddress.getLocalHost().getHostName();
            return NAME.matcher(name).matches() ? name : "gateway";
        } catch (UnknownHostException e) {
            return "gateway"; // its name is in no table
        }
    }

    /** The same, lost at that time; null for one that is there. */
    Member lost(@Nullable Instant at) {
        return new Member(name, url, version, since, at);
    }

    /** What its lease is called. */
    String lease() {
        return "gateway/" + name;
    }
}
