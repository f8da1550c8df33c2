package dev.culvert.tun;

import java.net.InetAddress;
import java.nio.file.Path;

/** A process that changes the network of its namespace and then waits to be killed. */
final class KilledClient {
    private KilledClient() {}

    public static void main(String[] arguments) throws Exception {
        UndoJournal journal = UndoJournal.open(Path.of(arguments[0]));
        HostNetwork network = HostNetwork.system(journal);
        network.setUp("cvt0", 1400, 777);
        network.addAddress("cvt0", InetAddress.getByName("10.9.0.1"), 24);
        network.excludeHost(InetAddress.getByName("203.0.113.9"));
        network.addRoute(InetAddress.getByName("10.40.0.0"), 16, "cvt0");
        System.out.println("changed");
        System.in.read();
    }
}
