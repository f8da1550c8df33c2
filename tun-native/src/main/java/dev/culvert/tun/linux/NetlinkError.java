package dev.culvert.tun.linux;

/**
 * Why the kernel did not do it.
 *
 * @param errno positive
 * @param text for people
 */
record NetlinkError(int errno, String text) {
    static final int EPERM = 1;
    static final int ENOENT = 2;
    static final int ESRCH = 3;
    static final int EACCES = 13;
    static final int EEXIST = 17;
    static final int ENODEV = 19;
    static final int EADDRNOTAVAIL = 99;
    static final int ENETDOWN = 100;

    /** Whether it says that there is nothing (any more) to be deleted or set. */
    boolean isGone() {
        return errno == ENOENT || errno == ESRCH || errno == ENODEV || errno == EADDRNOTAVAIL || errno == ENETDOWN;
    }

    boolean isExisting() {
        return errno == EEXIST;
    }

    /** The text, and what to do where that is known. */
    String withRemedy() {
        return errno == EPERM ? text + "; run as root (CAP_NET_ADMIN)" : text;
    }
}
