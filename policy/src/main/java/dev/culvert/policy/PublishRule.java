package dev.culvert.policy;

import dev.culvert.address.HostPattern;
import dev.culvert.token.PortRules;
import java.util.List;

/**
 * What agents may publish on the gateway: a right apart from being reached by clients, and from the agent's token, which
 * must hold it too.
 *
 * @param hosts public host names
 * @param ports public ports of the gateway
 */
public record PublishRule(int line, List<Selector> agents, List<HostPattern> hosts, PortRules ports) {}
