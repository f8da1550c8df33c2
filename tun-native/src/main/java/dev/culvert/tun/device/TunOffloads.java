package dev.culvert.tun.device;

/**
 * What a TUN device and its kernel agreed to leave to us, as negotiated when the device was opened.
 *
 * @param vnetHeader every packet on the descriptor carries a {@link VirtioNetHeader} (IFF_VNET_HDR)
 * @param checksum the kernel may hand over packets whose transport checksum is unfinished (TUN_F_CSUM)
 * @param tso4 the kernel may hand over unsegmented TCP over IPv4 (TUN_F_TSO4)
 * @param tso6 the kernel may hand over unsegmented TCP over IPv6 (TUN_F_TSO6)
 * @param uso the kernel may hand over unsegmented UDP, and takes it (TUN_F_USO4 and TUN_F_USO6, Linux 6.2)
 */
public record TunOffloads(boolean vnetHeader, boolean checksum, boolean tso4, boolean tso6, boolean uso) {
    /** A device of plain IP packets. */
    public static final TunOffloads NONE = new TunOffloads(false, false, false, false, false);

    /** In words, for a log. */
    @Override
    public String toString() {
        if (!checksum) {
            return "no offload";
        }
        return "offload of checksums" + (tso4 || tso6 ? " and of segmentation: TCP" : "") + (uso ? " and UDP" : "");
    }
}
