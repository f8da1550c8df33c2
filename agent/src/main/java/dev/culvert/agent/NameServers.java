package dev.culvert.agent;

import dev.culvert.tunnel.names.ResolvConf;
import dev.culvert.tunnel.names.ResolverName;
import io.netty.util.concurrent.Ticker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The name servers and search domains of this machine, as resolv.conf(5) has them, read again when they may have changed. Event loop only: it is a small
 * file that every program here reads all day.
 */
final class NameServers {
    static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");

    /** So long counts what was read. */
    private static final Duration FRESH = Duration.ofSeconds(1);

    /** A larger one is something else. */
    private static final long MAX_BYTES = 64 << 10;

    private final Path file;
    private final Ticker ticker;
    private @Nullable ResolvConf last;
    private long readNanos;

    NameServers(Path file, Ticker ticker) {
        this.file = file;
        this.ticker = ticker;
    }

    /** In the order in which they are asked; at least one. */
    List<InetSocketAddress> servers() {
        List<InetSocketAddress> servers = settings().servers();
        return servers.isEmpty()
                ? List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), ResolverName.PORT)) // resolv.conf(5)
                : servers;
    }

    /** Domains that programs here may leave out of a name, in their compared form; often none. */
    List<String> search() {
        return settings().search();
    }

    private ResolvConf settings() {
        long now = ticker.nanoTime();
        ResolvConf known = last;
        if (known == null || now - readNanos > FRESH.toNanos()) {
            known = read();
            last = known;
            readNanos = now;
        }
        return known;
    }

    private ResolvConf read() {
        try {
            if (Files.size(file) <= MAX_BYTES) {
                return ResolvConf.parse(Files.readString(file, StandardCharsets.ISO_8859_1));
            }
        } catch (IOException e) {
            // No file is one that says nothing; and one that cannot be read now is read again in a second.
        }
        return ResolvConf.parse("");
    }
}
