package dev.culvert.gateway.certificate.dns;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/**
 * A real name server (Debian's named) on a loopback address: primary of some zones, of which one key may change the TXT records and
 * nobody anything else.
 */
public final class Bind implements AutoCloseable {
    /** The key that may. */
    public static final String KEY = "acme-key";

    private static final Duration START = Duration.ofSeconds(30);
    private static final String SECRET = "YSBrZXkgZm9yIHRlc3RzIGFsb25lLCBvZiAzMiBieXRl";

    private final Path dir;
    private final InetSocketAddress address;
    private final Process process;

    /**
     * @param dir a new one
     * @param records of each zone besides SOA and NS; the first word of each is the zone's name
     */
    public Bind(Path dir, String host, int port, List<String> zones) throws Exception {
        this.dir = Files.createDirectories(dir);
        this.address = new InetSocketAddress(InetAddress.getByName(host), port);
        Files.writeString(key(), "key \"" + KEY + "\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + SECRET + "\";\n};\n");
        StringBuilder config = new StringBuilder("""
                options { directory "%1$s"; pid-file "%1$s/named.pid"; lock-file none; session-keyfile "%1$s/session.key";
                  listen-on port %3$d { %2$s; }; listen-on-v6 { none; }; allow-recursion { 127.0.0.0/8; }; dnssec-validation no; notify no; };
                controls { };
                logging { channel out { stderr; severity info; }; category default { out; }; };
                include "%4$s";
                key "other-key" { algorithm hmac-sha512; secret "%5$s"; };
                """.formatted(dir, host, port, key(), SECRET));
        // Else it would look for names of others at the real root.
        Files.writeString(
                dir.resolve("root.zone"), "$TTL 60\n. SOA ns. admin. 1 3600 600 86400 60\n. NS ns.\nns. A 192.0.2.1\n");
        config.append("zone \".\" { type primary; file \"root.zone\"; };\n");
        for (String text : zones) {
            String zone = text.substring(0, text.indexOf('\n'));
            Files.writeString(
                    dir.resolve(zone + ".zone"),
                    "$TTL 60\n$ORIGIN " + zone + ".\n@ SOA ns1 admin 1 3600 600 86400 60\n"
                            + text.substring(text.indexOf('\n') + 1) + "\n");
            config.append(
                    "zone \"%1$s\" { type primary; file \"%1$s.zone\"; update-policy { grant %2$s subdomain %1$s. TXT; }; };\n"
                            .formatted(zone, KEY));
        }
        Path file = Files.writeString(dir.resolve("named.conf"), config);
        process = new ProcessBuilder("named", "-f", "-c", file.toString())
                .directory(dir.toFile())
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("named.out").toFile())
                .start();
        try {
            await().atMost(START).ignoreExceptions().until(() -> process.isAlive() && isUp(zones.get(0)));
        } catch (RuntimeException | Error e) {
            close(); // nobody else would
            throw e;
        }
    }

    /** Both ways: questions come as datagrams, changes by TCP, and it begins with the one before the other. */
    private boolean isUp(String zone) throws IOException {
        String name = zone.substring(0, zone.indexOf('\n')) + ".";
        return !query(name, Type.SOA, false).getSection(Section.ANSWER).isEmpty()
                && !query(name, Type.SOA, true).getSection(Section.ANSWER).isEmpty();
    }

    /** The key's file, as tsig-keygen writes it. */
    public Path key() {
        return dir.resolve("acme.key");
    }

    /** Where it listens, as options take it. */
    public String at() {
        return address.getAddress().getHostAddress() + ":" + address.getPort();
    }

    private Message query(String name, int type, boolean tcp) throws IOException {
        SimpleResolver resolver = new SimpleResolver(address);
        resolver.setTCP(tcp);
        resolver.setTimeout(Duration.ofSeconds(5));
        return resolver.send(Message.newQuery(Record.newRecord(Name.fromString(name), type, DClass.IN)));
    }

    /** The texts that stand at a name. */
    public List<String> texts(String name) throws IOException {
        return query(name, Type.TXT, false).getSection(Section.ANSWER).stream()
                .filter(record -> record instanceof org.xbill.DNS.TXTRecord)
                .map(record -> String.join("", ((org.xbill.DNS.TXTRecord) record).getStrings()))
                .toList();
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
