package dev.culvert.gateway.certificate.acme;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpLiteral;
import java.io.IOException;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Whether a name's addresses are this gateway's, as the system's resolver knows them. */
public final class AddressPrecheck implements Precheck {
    /** Asks for a name's addresses. */
    interface Resolver {
        List<InetAddress> addresses(String name) throws IOException;
    }

    private final Set<InetAddress> ours;
    private final Resolver resolver;

    /** @param ours this gateway's addresses as the world sees them; empty when they are not known: then a name needs any */
    public AddressPrecheck(Set<InetAddress> ours) {
        this(ours, name -> Arrays.asList(InetAddress.getAllByName(name)));
    }

    AddressPrecheck(Set<InetAddress> ours, Resolver resolver) {
        this.ours = Set.copyOf(ours);
        this.resolver = resolver;
    }

    @Override
    public @Nullable String complaint(String name) {
        List<InetAddress> addresses;
        try {
            InetAddress literal = IpLiteral.parse(name);
            addresses = literal != null ? List.of(literal) : resolver.addresses(name);
        } catch (IOException e) {
            return "its address is not to be found: set one for " + name + " in the DNS, which leads to this gateway";
        }
        if (ours.isEmpty() || addresses.stream().anyMatch(ours::contains)) {
            return null;
        }
        return "its address " + addresses.stream().map(AddressText::of).collect(Collectors.joining(", "))
                + " is none of this gateway's ("
                + ours.stream().map(AddressText::of).sorted().collect(Collectors.joining(", "))
                + "): set it in the DNS, and wait until that is known";
    }
}
