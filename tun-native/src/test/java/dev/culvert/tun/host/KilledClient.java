package dev.culvert.tun.host;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.Platform;
import dev.culvert.tun.undo.UndoJournal;
import java.net.InetAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** A process that changes the network of its namespace and then waits to be killed. */
final class KilledClient {
    private KilledClient() {}

    public static void main(String[] arguments) throws Exception {
        UndoJournal journal = Platform.openJournal(Path.of(arguments[0]));
        HostConfig config = HostConfig.of("cvt0", 1400, 777, List.of(InetAddress.getByName("10.9.0.1")))
                .withRoutes(Set.of(IpPrefix.parse("0.0.0.0/0")), Set.of(), Set.of(IpPrefix.parse("::/0")))
                .withExcluded(Set.of(InetAddress.getByName("203.0.113.9")));
        new HostKeeper(Platform.openHost(), journal).keep(config);
        System.out.println("changed");
        System.in.read();
    }
}
