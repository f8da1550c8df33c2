package dev.culvert.tun.device;

/**
 * What a {@link TunChannel} has done since it was made. "In" is read from the kernel, "out" written to it;
 * bytes count IP packets without the virtio header.
 *
 * @param packetsIn packets (super-packets count once) read
 * @param bytesIn bytes of them
 * @param superPacketsIn how many of them were super-packets
 * @param packetsOut messages written whole
 * @param bytesOut bytes of them
 * @param superPacketsOut how many of them the kernel took unsegmented
 * @param malformedOut messages dropped because they are no packet, or their virtio header does not fit them
 * @param linkDownOut messages dropped because the interface was down
 * @param refusedOut messages dropped because the kernel refused them for another reason
 * @param malformedIn reads dropped because they were shorter than a virtio header and an IP header
 * @param softwareOut messages that were checksummed or segmented here instead of in the kernel
 * @param gsoFallbacks how many times the kernel refused a super-packet kind that it was then no longer given
 * @param writeStalls how many times the kernel had no room and writing waited
 */
public record TunStats(
        long packetsIn,
        long bytesIn,
        long superPacketsIn,
        long packetsOut,
        long bytesOut,
        long superPacketsOut,
        long malformedOut,
        long linkDownOut,
        long refusedOut,
        long malformedIn,
        long softwareOut,
        long gsoFallbacks,
        long writeStalls) {}
