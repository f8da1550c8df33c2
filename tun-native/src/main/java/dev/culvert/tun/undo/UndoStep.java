package dev.culvert.tun.undo;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.device.TunConfig;

/**
 * How to take back one change to the host's network: data, to be carried out at most once, in any process. It is read back
 * from a file, and root acts on it, so each field is checked; constructors throw {@link IllegalArgumentException}.
 */
public sealed interface UndoStep {
    /**
     * Give a link back its settings.
     *
     * @param ifName interface name
     * @param mtu bytes
     * @param txQueueLength packets
     * @param up whether it was up
     */
    record RestoreLink(String ifName, int mtu, int txQueueLength, boolean up) implements UndoStep {
        /** Checks. */
        public RestoreLink {
            requireName(ifName);
            if (mtu < 0 || txQueueLength < 0) {
                throw new IllegalArgumentException("mtu " + mtu + " or queue length " + txQueueLength + " is negative");
            }
        }

        @Override
        public String toString() {
            return "the settings of " + ifName;
        }
    }

    /**
     * Delete an address that we gave to an interface.
     *
     * @param ifName interface name
     * @param address textual address
     * @param prefixLength bits
     */
    record DeleteAddress(String ifName, String address, int prefixLength) implements UndoStep {
        /** Checks. */
        public DeleteAddress {
            requireName(ifName);
            int bits = IpPrefix.parse(address).length(); // all of them, since there is no slash
            if (address.indexOf('/') >= 0 || prefixLength < 0 || prefixLength > bits) {
                throw new IllegalArgumentException("address " + address + " with a length that it cannot have");
            }
        }

        @Override
        public String toString() {
            return "address " + address + "/" + prefixLength + " of " + ifName;
        }
    }

    /**
     * Delete a route that we added; it carries our protocol number, so another's is never meant.
     *
     * @param network textual CIDR prefix
     * @param ifName interface name
     */
    record DeleteRoute(String network, String ifName) implements UndoStep {
        /** Checks. */
        public DeleteRoute {
            requireName(ifName);
            IpPrefix.parse(network);
        }

        @Override
        public String toString() {
            return "route " + network + " through " + ifName;
        }
    }

    /**
     * Delete a route by which we made a network unreachable.
     *
     * @param network textual CIDR prefix
     */
    record DeleteUnreachable(String network) implements UndoStep {
        /** Checks. */
        public DeleteUnreachable {
            IpPrefix.parse(network);
        }

        @Override
        public String toString() {
            return "unreachable route " + network;
        }
    }

    private static void requireName(String ifName) {
        if (!TunConfig.isInterfaceName(ifName)) {
            throw new IllegalArgumentException("a name that no interface can have");
        }
    }
}
