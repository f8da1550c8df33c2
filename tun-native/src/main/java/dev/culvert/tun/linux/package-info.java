/**
 * How Linux does it: {@link dev.culvert.tun.linux.LinuxTun} is a device of /dev/net/tun, which
 * {@code EpollTunChannel} reads and writes; {@link dev.culvert.tun.linux.LinuxHost} reads and
 * changes the host by rtnetlink ({@code Netlink}, {@code RtnetlinkMessages}).
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.tun.linux;
