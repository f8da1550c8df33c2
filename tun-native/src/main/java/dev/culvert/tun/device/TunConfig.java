package dev.culvert.tun.device;

import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;

/**
 * How to open a TUN device.
 *
 * @param name interface name, or a pattern such as {@code culvert%d} in which the kernel puts the first
 *     free number; 1 to 15 bytes of ASCII without {@code /} or white space. Naming an existing persistent
 *     TUN attaches to it, which needs no privilege for the user that it was made for
 * @param mtu largest IP packet in bytes, {@value #MIN_MTU} to {@value #MAX_MTU}; super-packets (GSO) are
 *     not bound by it
 * @param offload negotiate checksum and segmentation offload; without, packets are plain and small
 * @param txQueueLength packets that the kernel holds for us before it drops, 1 to {@value #MAX_TX_QUEUE}
 * @param existingFd an open TUN descriptor to use instead of opening one (for example inherited from a
 *     privileged parent); the device owns it from then on and closes it
 */
public record TunConfig(String name, int mtu, boolean offload, int txQueueLength, OptionalInt existingFd) {
    /** The kernel numbers it. */
    public static final String DEFAULT_NAME = "culvert%d";

    /** Ethernet's: with TSO a larger one buys nothing, and very large ones stall peers for seconds. */
    public static final int DEFAULT_MTU = 1500;

    /** IPv6 does not run below it (RFC 8200 section 5). */
    public static final int MIN_MTU = 1280;

    /** The longest IPv4 packet (RFC 791 section 3.1). */
    public static final int MAX_MTU = 65_535;

    /**
     * Advertised windows (bytes) must fit this queue (packets), else the kernel drops what we asked for:
     * 5,000 segments of 1,460 bytes hold a 7 MiB window even where the kernel segments for us. Linux's own
     * default for TUN is 500, which does not hold one flow of 1 MiB.
     */
    public static final int DEFAULT_TX_QUEUE_LENGTH = 5_000;

    /** Beyond it the queue is latency and kernel memory (150 MB at full MTU), not throughput. */
    public static final int MAX_TX_QUEUE = 100_000;

    /** IFNAMSIZ less the terminating zero. */
    static final int MAX_NAME_BYTES = 15;

    /** Checks the bounds given above; throws {@link IllegalArgumentException} naming the setting. */
    public TunConfig {
        if (name.isEmpty() || name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
            throw new IllegalArgumentException(
                    "interface name '" + name + "' must have 1 to " + MAX_NAME_BYTES + " bytes");
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c <= ' ' || c >= 0x7f || c == '/' || c == ':') {
                throw new IllegalArgumentException(
                        "interface name '" + name + "' has a character that interface names may not have");
            }
        }
        if (mtu < MIN_MTU || mtu > MAX_MTU) {
            throw new IllegalArgumentException("mtu " + mtu + " must be from " + MIN_MTU + " to " + MAX_MTU);
        }
        if (txQueueLength < 1 || txQueueLength > MAX_TX_QUEUE) {
            throw new IllegalArgumentException(
                    "transmit queue length " + txQueueLength + " must be from 1 to " + MAX_TX_QUEUE);
        }
        if (existingFd.isPresent() && existingFd.getAsInt() < 0) {
            throw new IllegalArgumentException("file descriptor " + existingFd.getAsInt() + " must not be negative");
        }
    }

    /** Whether an interface can have this name: the kernel's rule, and no control characters. */
    public static boolean isInterfaceName(String name) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        return bytes > 0
                && bytes <= MAX_NAME_BYTES
                && !name.equals(".")
                && !name.equals("..")
                && name.chars()
                        .noneMatch(c -> c == '/'
                                || c == ':'
                                || Character.isWhitespace(c)
                                || Character.isISOControl(c)
                                || Character.getType(c) == Character.FORMAT);
    }

    /** The defaults under the given name or pattern. */
    public static TunConfig named(String name) {
        return new TunConfig(name, DEFAULT_MTU, true, DEFAULT_TX_QUEUE_LENGTH, OptionalInt.empty());
    }

    /** This with another MTU. */
    public TunConfig withMtu(int bytes) {
        return new TunConfig(name, bytes, offload, txQueueLength, existingFd);
    }

    /** This with offload negotiated or not. */
    public TunConfig withOffload(boolean wanted) {
        return new TunConfig(name, mtu, wanted, txQueueLength, existingFd);
    }

    /** This with another queue length. */
    public TunConfig withTxQueueLength(int packets) {
        return new TunConfig(name, mtu, offload, packets, existingFd);
    }

    /** This over an open descriptor, whose own name then counts. */
    public TunConfig withExistingFd(int fd) {
        return new TunConfig(name, mtu, offload, txQueueLength, OptionalInt.of(fd));
    }
}
