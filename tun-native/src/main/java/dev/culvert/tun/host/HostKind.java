package dev.culvert.tun.host;

import dev.culvert.address.IpPrefix;

/** How the systems differ in what a {@link HostPlan} has to know. */
public enum HostKind {
    LINUX,
    MACOS,
    WINDOWS;

    /** Whether there may be several routes to one network, of which the lowest metric counts; elsewhere one keeps out any other. */
    boolean isLayered() {
        return this != MACOS;
    }

    /** What shows people the routes to a network; on Linux and macOS, without the family, IPv4's only. */
    String showsRoute(IpPrefix prefix) {
        return switch (this) {
            case LINUX -> "ip" + (prefix.isIpv6() ? " -6" : "") + " route show " + prefix;
            case MACOS -> "route -n get " + (prefix.isIpv6() ? "-inet6 " : "") + prefix;
            case WINDOWS -> "in PowerShell: Get-NetRoute " + prefix;
        };
    }

    /** By what it is seen that an interface has no IPv6. */
    String ipv6IsOff(String ifName) {
        return switch (this) {
            case LINUX -> "net.ipv6.conf." + ifName + ".disable_ipv6 is 1";
            case MACOS -> ifName + " takes none";
            case WINDOWS -> "Get-NetIPInterface shows none of " + ifName;
        };
    }
}
