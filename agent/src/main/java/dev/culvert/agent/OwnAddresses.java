package dev.culvert.agent;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which addresses are this machine's own. A connection to one of them does not come from the network: it passes the rules of
 * the machine's firewall for its interfaces by, and reaches what listens for the machine itself.
 *
 * <p>The kernel is asked each time, so there is no list that could be old: a UDP socket is connected there, which sends
 * nothing, and has the destination for its own address exactly if that is local. Event loop only.
 */
final class OwnAddresses implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(OwnAddresses.class);

    /** Any but 0. */
    private static final int PORT = 9;

    private final @Nullable DatagramChannel v4 = open(StandardProtocolFamily.INET);
    private final @Nullable DatagramChannel v6 = open(StandardProtocolFamily.INET6);

    private static @Nullable DatagramChannel open(StandardProtocolFamily family) {
        try {
            return DatagramChannel.open(family);
        } catch (IOException | UnsupportedOperationException e) {
            log.debug("no {} socket: {}", family, e.getMessage());
            return null; // without the protocol there is nobody to reach by it
        }
    }

    /**
     * How long a prefix that holds the address must be to open it: as long as that of the interface's own network, so who
     * grants a LAN grants the agent's place in it, while a default route or all of 10.0.0.0/8 opens nothing of its machine.
     *
     * @return 0 for an address that is not the machine's own: any prefix opens it
     */
    int leastPrefix(InetAddress address) {
        return isOwn(address) ? networkLength(address) : 0;
    }

    private boolean isOwn(InetAddress address) {
        DatagramChannel socket = address.getAddress().length == 4 ? v4 : v6;
        if (socket == null) {
            return false;
        }
        try {
            // Only now, not after the last time: a socket that is connected takes datagrams from nobody else.
            socket.disconnect();
            socket.connect(new InetSocketAddress(address, PORT));
            return socket.getLocalAddress() instanceof InetSocketAddress from && address.equals(from.getAddress());
        } catch (IOException e) {
            return false; // there is no way there: then it is not local
        }
    }

    /** That of the interface which has the address; all bits when the kernel holds it for local otherwise. */
    private static int networkLength(InetAddress address) {
        try {
            NetworkInterface found = NetworkInterface.getByInetAddress(address);
            if (found != null) {
                for (InterfaceAddress a : found.getInterfaceAddresses()) {
                    if (address.equals(a.getAddress()) && a.getNetworkPrefixLength() > 0) {
                        return a.getNetworkPrefixLength();
                    }
                }
            }
        } catch (SocketException e) {
            log.debug("interfaces: {}", e.getMessage());
        }
        return address.getAddress().length * 8;
    }

    @Override
    public void close() {
        for (DatagramChannel socket : new @Nullable DatagramChannel[] {v4, v6}) {
            if (socket != null) {
                try {
                    socket.close();
                } catch (IOException e) {
                    log.debug("close: {}", e.getMessage());
                }
            }
        }
    }
}
