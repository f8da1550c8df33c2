package dev.culvert.tun;

/** How to take back one change to the host's network: data, to be carried out at most once, in any process. */
public sealed interface UndoStep {
    /**
     * Give a link back its settings.
     *
     * @param ifName interface name
     * @param mtu bytes
     * @param txQueueLength packets
     * @param up whether it was up
     */
    record RestoreLink(String ifName, int mtu, int txQueueLength, boolean up) implements UndoStep {}

    /**
     * Delete an address that we gave to an interface.
     *
     * @param ifName interface name
     * @param address textual address
     * @param prefixLength bits
     */
    record DeleteAddress(String ifName, String address, int prefixLength) implements UndoStep {}

    /**
     * Delete a route that we added; it carries our protocol number, so another's is never meant.
     *
     * @param network textual CIDR prefix
     * @param ifName interface name
     */
    record DeleteRoute(String network, String ifName) implements UndoStep {}
}
