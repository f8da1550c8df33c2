package dev.culvert.tun.host;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.undo.UndoStep;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/** One change to the host's network: data, made by a {@link Host}. What takes it back is its {@link #undo}. */
public sealed interface HostChange {
    /** Takes it back. */
    UndoStep undo();

    /** What it is, as in "add address ...". */
    String text();

    /**
     * Sets an interface and brings it up.
     *
     * @param link as it is now
     * @param mtu bytes
     * @param txQueueLength packets
     */
    record SetLink(HostState.Interface link, int mtu, int txQueueLength) implements HostChange {
        @Override
        public UndoStep undo() {
            return new UndoStep.RestoreLink(link.name(), link.mtu(), link.txQueueLength(), link.up());
        }

        @Override
        public String text() {
            return "bring up " + link.name() + " with mtu " + mtu;
        }
    }

    /**
     * Gives an interface an address; IPv6 without duplicate address detection, as nobody shares the link.
     *
     * @param link the interface
     * @param address that it shall have
     */
    record AddAddress(HostState.Interface link, InetAddress address) implements HostChange {
        @Override
        public UndoStep undo() {
            return new UndoStep.DeleteAddress(link.name(), AddressText.of(address), bits());
        }

        public int bits() {
            return address.getAddress().length * 8;
        }

        @Override
        public String text() {
            return "add address " + AddressText.of(address) + " to " + link.name();
        }
    }

    /**
     * Routes a network through an interface.
     *
     * @param network to which
     * @param link through which interface
     * @param via the next hop, null when the interface leads there
     * @param source the address to send from, null when the kernel shall choose
     */
    record AddRoute(
            IpPrefix network,
            HostState.Interface link,
            @Nullable InetAddress via,
            @Nullable InetAddress source) implements HostChange {
        @Override
        public UndoStep undo() {
            return new UndoStep.DeleteRoute(network.toString(), link.name());
        }

        @Override
        public String text() {
            return "route " + network + (via == null ? "" : " via " + AddressText.of(via)) + " through " + link.name();
        }
    }

    /**
     * Has packets to a network rejected where no other route to the same network is.
     *
     * @param network to which
     */
    record AddUnreachable(IpPrefix network) implements HostChange {
        @Override
        public UndoStep undo() {
            return new UndoStep.DeleteUnreachable(network.toString());
        }

        @Override
        public String text() {
            return "make " + network + " unreachable outside the tunnel";
        }
    }
}
