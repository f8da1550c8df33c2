package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.host.HostState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Whether a rule of policy routing takes all packets elsewhere before the table in which a client lays its routes. */
final class RulesCheck implements Check {
    private final RoutesCheck.StateReader host;

    RulesCheck(RoutesCheck.StateReader host) {
        this.host = host;
    }

    @Override
    public String name() {
        return "rules";
    }

    @Override
    public List<Finding> look() throws IOException {
        HostState state = host.read();
        List<Finding> findings = new ArrayList<>();
        for (boolean ipv6 : new boolean[] {false, true}) {
            for (HostState.Rule rule : state.rules()) { // lowest priority first
                if (rule.ipv6() != ipv6 || !rule.everything() || rule.table() == HostState.LOCAL_TABLE) {
                    continue;
                }
                if (rule.table() == HostState.MAIN_TABLE && rule.suppressed() < 0) {
                    break;
                }
                if (rule.table() == 0 || rule.table() != HostState.MAIN_TABLE && leadsAway(state, rule)) {
                    findings.add(Finding.bad(
                            name(),
                            "a rule of " + (ipv6 ? "IPv6" : "IPv4") + " with priority " + rule.priority() + " "
                                    + (rule.table() == 0
                                            ? "rejects everything"
                                            : "sends everything to table " + rule.table())
                                    + " before routes of a client count",
                            "'ip rule' shows it: end the VPN that made it, or have it leave out the agents' networks"));
                    break;
                }
            }
        }
        return findings.isEmpty() ? List.of(Finding.good(name(), "none takes packets past the table main")) : findings;
    }

    private static boolean leadsAway(HostState state, HostState.Rule rule) {
        return state.routes().stream()
                .anyMatch(route -> route.table() == rule.table()
                        && route.network().isIpv6() == rule.ipv6()
                        && route.kind() != HostState.Kind.THROW
                        && route.network().length() > rule.suppressed()
                        && !route.dead());
    }
}
