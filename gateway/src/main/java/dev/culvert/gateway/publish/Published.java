package dev.culvert.gateway.publish;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.PortRanges;
import dev.culvert.address.Transport;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.Publication;
import dev.culvert.policy.publication.ServiceTarget;
import dev.culvert.token.Grant;
import dev.culvert.tunnel.frame.Destination;
import java.util.Set;

/**
 * A publication in force.
 *
 * @param agent through which its target is reached
 * @param byPolicy whether the gateway's policy file says so, and not the agent
 */
public record Published(String agent, Publication publication, boolean byPolicy) {
    /** Where a flow for it goes. */
    public Destination destination() {
        return destination(publication.to().port());
    }

    /** Where a flow for one of its public ports goes. */
    public Destination destinationOf(int publicPort) {
        return destination(publication.targetPort(publicPort));
    }

    private Destination destination(int port) {
        ServiceTarget to = publication.to();
        int protocol = publication.transport() == Transport.UDP ? Destination.UDP : Destination.TCP;
        return to.address() == null
                ? Destination.ofName(protocol, to.host(), port)
                : Destination.of(protocol, to.address(), port);
    }

    /** The public name, perhaps a wildcard, or ports: what visitors count for, whatever path they ask for. */
    public String place() {
        return publication.at() instanceof WebName name
                ? name.host().toString()
                : publication.at().toString();
    }

    /** What its flows need: the target and no more. */
    public Grant grant() {
        ServiceTarget to = publication.to();
        int last = publication.at() instanceof Ports ports ? publication.targetPort(ports.last()) : to.port();
        return new Grant(
                agent,
                to.address() == null ? HostPattern.parse(to.host()) : IpPrefix.of(to.address()),
                PortRanges.parse(to.port() + "-" + last),
                Set.of(publication.transport()));
    }

    /** Asked for with each request: of what is in force no two are at one place, so that the rest, which is long, tells no more. */
    @Override
    public int hashCode() {
        return 31 * agent.hashCode() + publication.at().hashCode();
    }

    @Override
    public String toString() {
        return publication.at() + " through '" + agent + "'" + (byPolicy ? " (policy)" : "");
    }
}
