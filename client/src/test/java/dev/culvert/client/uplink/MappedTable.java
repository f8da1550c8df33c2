package dev.culvert.client.uplink;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.token.Grant;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import dev.culvert.tunnel.frame.Announcement.Reachable;
import dev.culvert.tunnel.frame.Announcement.ReachableAgent;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Routes with maps, at agents that announce just the networks that these show. */
public final class MappedTable {
    private MappedTable() {}

    /** @param routes with a map each, all through one agent */
    public static RouteTable of(String... routes) {
        List<Route> wanted = Stream.of(routes).map(Route::parse).toList();
        ReachableAgent agent = new ReachableAgent(
                String.valueOf(wanted.get(0).agent()),
                1,
                wanted.stream()
                        .map(route -> Objects.requireNonNull(route.map()).real().toString())
                        .toList());
        return RouteTable.of(
                Announced.of(new Reachable("laptop", List.of(agent))),
                TokenGrants.of(
                        List.of(Grant.parse("*:0.0.0.0/0"), Grant.parse("*:[::/0]")), SensitiveAddresses.standard()),
                new RouteTable.Wanted(wanted, true, false));
    }
}
