package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.host.HostState;
import java.io.IOException;
import java.util.List;

/** Whether the interfaces of this machine take packets as large as IPv6 wants them (RFC 8200 section 5). */
final class MtuCheck implements Check {
    private static final int LEAST = 1_280;

    private final RoutesCheck.StateReader host;

    MtuCheck(RoutesCheck.StateReader host) {
        this.host = host;
    }

    @Override
    public String name() {
        return "MTU";
    }

    @Override
    public List<Finding> look() throws IOException {
        List<HostState.Interface> up = host.read().links().stream()
                .filter(link -> link.up() && link.carrier() && !link.loopback())
                .toList();
        List<Finding> small = up.stream()
                .filter(link -> link.mtu() < LEAST)
                .map(link -> Finding.bad(
                        name(),
                        link.name() + " takes " + link.mtu() + " bytes, less than the " + LEAST + " that IPv6 wants",
                        "ip link set dev " + link.name() + " mtu 1500, if its line takes it"))
                .toList();
        if (!small.isEmpty()) {
            return small;
        }
        return List.of(
                up.isEmpty()
                        ? Finding.bad(name(), "no interface is up", "connect this machine to a network")
                        : Finding.good(
                                name(),
                                String.join(
                                        ", ",
                                        up.stream()
                                                .map(link -> link.name() + " " + link.mtu())
                                                .toList())));
    }
}
