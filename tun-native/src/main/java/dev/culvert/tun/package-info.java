/**
 * What differs by operating system: {@link dev.culvert.tun.Platform} alone asks which it is. Devices are in the package
 * {@code device}, the addresses and routes of the host in {@code host} and how to take them back in {@code undo}, ICMP sockets
 * in {@code icmp}; {@code linux} is how Linux does it, and {@code libc} what is native of that.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun;
