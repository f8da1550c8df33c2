package dev.culvert.gateway.certificate.dns;

import dev.culvert.address.AddressText;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.CNAMERecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.NameTooLongException;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.ResolverConfig;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Questions to the DNS. Blocks; from one thread at a time. */
final class DnsLookups {
    /** Each server is asked twice. */
    private static final Duration ANSWER = Duration.ofSeconds(4);

    private static final int TRIES = 2;

    /** Longer chains of CNAMEs are loops; authorities follow about as many. */
    private static final int MAX_CNAMES = 8;

    /** A zone with more has a mistake in it. */
    private static final int MAX_SERVERS = 20;

    private static final SecureRandom RANDOM = new SecureRandom();

    private final List<InetSocketAddress> resolvers;
    private final int serverPort;

    /**
     * @param resolver whom to ask; null for the system's
     * @param serverPort on which a zone's servers listen
     */
    DnsLookups(@Nullable InetSocketAddress resolver, int serverPort) {
        this.resolvers = resolver != null
                ? List.of(resolver)
                : List.copyOf(ResolverConfig.getCurrentConfig().servers());
        this.serverPort = serverPort;
    }

    /** Where the record of a name stands in the end, which may be given to another zone by a CNAME (RFC 8555 section 8.4). */
    Name follow(Name name) throws IOException {
        Name at = name;
        for (int i = 0; i < MAX_CNAMES; i++) {
            Name next = cname(at);
            if (next == null || next.equals(cname(sibling(at)))) {
                return at; // a wildcard's CNAME goes away as soon as the name itself has a record
            }
            at = next;
        }
        throw new IOException("the CNAMEs of " + name + " do not end: mend them in the DNS");
    }

    /** A name beside another that nobody has made. */
    private static Name sibling(Name name) throws IOException {
        byte[] random = new byte[8];
        RANDOM.nextBytes(random);
        try {
            return Name.concatenate(Name.fromString("_" + HexFormat.of().formatHex(random)), new Name(name, 1));
        } catch (NameTooLongException | TextParseException e) {
            throw new IOException(name + " is too long for a name", e);
        }
    }

    private @Nullable Name cname(Name name) throws IOException {
        for (Record record : ask(name, Type.CNAME).getSection(Section.ANSWER)) {
            if (record instanceof CNAMERecord cname && cname.getName().equals(name)) {
                return cname.getTarget();
            }
        }
        return null;
    }

    /** The zone that a name is in, by its SOA. */
    Name zone(Name name) throws IOException {
        return zone(name, null);
    }

    /**
     * The same as a server knows it, which must be one of the zone's.
     *
     * @param server null for the resolver
     */
    Name zone(Name name, @Nullable InetSocketAddress server) throws IOException {
        for (Name at = name; at.labels() > 1; at = new Name(at, 1)) {
            Message answer = server == null ? ask(at, Type.SOA) : ask(server, at, Type.SOA, false);
            if (server != null && !answer.getHeader().getFlag(Flags.AA)) {
                continue;
            }
            for (int section : new int[] {Section.ANSWER, Section.AUTHORITY}) {
                for (Record record : answer.getSection(section)) {
                    if (record instanceof SOARecord soa && isZone(soa.getName(), name)) {
                        return soa.getName();
                    }
                }
            }
        }
        throw new IOException(
                server == null
                        ? "the zone of " + name + " is not to be found in the DNS: name it with zone="
                        : AddressText.of(server) + " has no zone with " + name
                                + ": name another server, or let it serve the zone");
    }

    /** The root says that there is no such domain: that is no zone for us. */
    private static boolean isZone(Name zone, Name of) {
        return zone.labels() > 1 && of.subdomain(zone);
    }

    /** The servers of a zone, as the world knows them. */
    Set<InetSocketAddress> servers(Name zone) throws IOException {
        Set<InetSocketAddress> out = new LinkedHashSet<>();
        for (Record record : ask(zone, Type.NS).getSection(Section.ANSWER)) {
            if (record instanceof NSRecord ns && out.size() < MAX_SERVERS) {
                for (InetAddress address : addresses(ns.getTarget())) {
                    out.add(new InetSocketAddress(address, serverPort));
                }
            }
        }
        return out;
    }

    private List<InetAddress> addresses(Name host) throws IOException {
        List<InetAddress> out = new ArrayList<>();
        for (int type : new int[] {Type.A, Type.AAAA}) {
            for (Record record : ask(host, type).getSection(Section.ANSWER)) {
                if (record instanceof ARecord a) {
                    out.add(a.getAddress());
                } else if (record instanceof AAAARecord aaaa) {
                    out.add(aaaa.getAddress());
                }
            }
        }
        return out;
    }

    /** What one server says of a name's texts. */
    enum Shows {
        VALUE,
        OTHER,
        NOTHING_HEARD
    }

    Shows shows(InetSocketAddress server, Name name, String value) {
        try {
            for (Record record : ask(server, name, Type.TXT, false).getSection(Section.ANSWER)) {
                if (record instanceof TXTRecord txt
                        && txt.getName().equals(name)
                        && String.join("", txt.getStrings()).equals(value)) {
                    return Shows.VALUE;
                }
            }
            return Shows.OTHER;
        } catch (IOException e) {
            return Shows.NOTHING_HEARD;
        }
    }

    private Message ask(Name name, int type) throws IOException {
        IOException last = new IOException("there is no resolver to ask: name one with resolver=");
        for (int i = 0; i < TRIES; i++) {
            for (InetSocketAddress resolver : resolvers) {
                try {
                    return ask(resolver, name, type, true);
                } catch (IOException e) {
                    last = e;
                }
            }
        }
        throw last;
    }

    private static Message ask(InetSocketAddress server, Name name, int type, boolean recursive) throws IOException {
        SimpleResolver resolver = new SimpleResolver(server);
        resolver.setTimeout(ANSWER);
        Message query = Message.newQuery(Record.newRecord(name, type, DClass.IN));
        if (!recursive) {
            query.getHeader().unsetFlag(Flags.RD);
        }
        Message answer;
        try {
            answer = resolver.send(query);
        } catch (IOException e) {
            throw new IOException(AddressText.of(server) + " does not answer in the DNS (" + words(e) + ")", e);
        }
        int code = answer.getRcode();
        if (code != Rcode.NOERROR && code != Rcode.NXDOMAIN) {
            throw new IOException(
                    AddressText.of(server) + " refuses to say what " + name + " has: " + Rcode.string(code));
        }
        return answer;
    }

    static String words(Throwable e) {
        String text = e.getMessage();
        return text == null ? e.getClass().getSimpleName() : Printable.shorten(text);
    }
}
