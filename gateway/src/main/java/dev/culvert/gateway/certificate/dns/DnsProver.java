package dev.culvert.gateway.certificate.dns;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/** Puts records into the DNS that prove names, and takes them away. Blocks; one thread's. */
public final class DnsProver {
    private static final Logger log = LoggerFactory.getLogger(DnsProver.class);

    private static final int DNS = 53;

    /** How often a zone's servers are asked. */
    private static final Duration LOOK = Duration.ofSeconds(2);

    /** So often in a row a server is asked that is not heard. */
    private static final int SILENCES = 2;

    private final DnsSettings settings;
    private final DnsLookups lookups;
    private final TextRecords records;
    private final Pause pause;
    private final @Nullable InetSocketAddress server;

    /** Waits; a test does not. */
    public interface Pause {
        void of(Duration time) throws InterruptedException;
    }

    /**
     * Looks up the server's name.
     *
     * @throws IOException with one line for people, also for a key's file that cannot be read
     */
    public DnsProver(DnsSettings settings, Pause pause) throws IOException {
        this(settings, DNS, pause);
    }

    /** @param serverPort on which a zone's servers listen */
    DnsProver(DnsSettings settings, int serverPort, Pause pause) throws IOException {
        this.settings = settings;
        this.pause = pause;
        String resolver = settings.resolver();
        lookups = new DnsLookups(resolver == null ? null : address(DnsSettings.HostPort.parse(resolver)), serverPort);
        if (settings.by() instanceof DnsSettings.Updates updates) {
            TsigKeyFile.read(updates.keyFile(), updates.key(), updates.algorithm());
            server = address(new DnsSettings.HostPort(updates.server(), updates.port()));
            records = new DnsUpdates(server, updates);
        } else {
            server = null;
            records = new HookProgram((DnsSettings.Program) settings.by());
        }
    }

    private static InetSocketAddress address(DnsSettings.HostPort at) throws IOException {
        try {
            return new InetSocketAddress(InetAddress.getByName(at.host()), at.port());
        } catch (UnknownHostException e) {
            throw new IOException("the DNS server '" + Printable.shorten(at.host()) + "' is not to be found", e);
        }
    }

    /**
     * Looks for where a name's record has to stand.
     *
     * @param name absolute, such as {@code _acme-challenge.app.example.}
     * @throws IOException with one line for people
     */
    public Placed place(String name) throws IOException {
        Name at = lookups.follow(parse(name));
        String known = settings.zone();
        if (known != null && at.subdomain(parse(known))) {
            return new Placed(at.toString(), parse(known).toString());
        }
        try {
            return new Placed(at.toString(), lookups.zone(at, server).toString());
        } catch (IOException e) {
            if (server != null) {
                throw e;
            }
            log.info("{}: its servers will not be waited for", e.getMessage()); // the program may know better
            return new Placed(at.toString(), at.toString());
        }
    }

    /**
     * Where a record stands.
     *
     * @param name absolute, behind CNAMEs
     * @param zone that it is in
     */
    public record Placed(String name, String zone) {}

    /**
     * Puts a text there, beside those that there are, and returns when the zone's servers show it.
     *
     * @throws IOException with one line for people; then it may stand there, or not
     */
    public void present(Placed at, String value) throws IOException, InterruptedException {
        Name name = parse(at.name());
        Name zone = parse(at.zone());
        records.present(name, zone, value);
        await(name, zone, value);
    }

    /**
     * Takes a text away, and no other.
     *
     * @throws IOException with one line for people
     */
    public void cleanUp(Placed at, String value) throws IOException, InterruptedException {
        records.cleanUp(parse(at.name()), parse(at.zone()), value);
    }

    private static Name parse(String name) throws IOException {
        try {
            return Name.fromString(name, Name.root);
        } catch (TextParseException e) {
            throw new IOException("'" + Printable.shorten(name) + "' is no name for the DNS", e);
        }
    }

    /** A server that has the old zone still would tell an authority that there is nothing. */
    private void await(Name name, Name zone, String value) throws IOException, InterruptedException {
        Set<InetSocketAddress> servers = new LinkedHashSet<>();
        if (server != null) {
            servers.add(server);
        }
        try {
            servers.addAll(lookups.servers(zone));
        } catch (IOException e) {
            log.info("the servers of {} are not known ({})", zone, e.getMessage());
        }
        List<InetSocketAddress> lacking = new ArrayList<>(servers);
        Map<InetSocketAddress, Integer> silent = new HashMap<>();
        for (Duration waited = Duration.ZERO; ; waited = waited.plus(LOOK)) {
            for (InetSocketAddress each : List.copyOf(lacking)) {
                switch (lookups.shows(each, name, value)) {
                    case VALUE -> lacking.remove(each);
                    case NOTHING_HEARD -> silent.merge(each, 1, Integer::sum);
                    case OTHER -> silent.remove(each);
                }
            }
            // One that is not heard twice is not waited for: an IPv6 address where there is no IPv6, a port that is
            // filtered.
            lacking.removeIf(each -> silent.getOrDefault(each, 0) >= SILENCES);
            boolean nobodyHeard = silent.keySet().containsAll(servers);
            if (lacking.isEmpty() && !nobodyHeard) {
                break;
            }
            if (waited.compareTo(settings.within()) >= 0) {
                break; // who hears nobody has given them the time all the same
            }
            pause.of(LOOK);
        }
        silent.values().removeIf(times -> times < SILENCES);
        if (silent.isEmpty() && lacking.isEmpty()) {
            return;
        }
        if (!lacking.isEmpty()) {
            throw new IOException("the record at " + name + " has not come to all servers of " + zone + " within "
                    + settings.within().toSeconds() + " s: " + texts(lacking) + " lack it");
        }
        log.info("{} of {} were not heard: whether they show the record is not known", texts(silent.keySet()), zone);
    }

    private static String texts(Collection<InetSocketAddress> servers) {
        return servers.stream().map(AddressText::of).collect(Collectors.joining(", "));
    }
}
