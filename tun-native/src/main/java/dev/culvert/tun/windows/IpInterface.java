package dev.culvert.tun.windows;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What Windows does with an interface, for each family by itself: {@code MIB_IPINTERFACE_ROW} of netioapi.h, read and written by
 * {@code GetIpInterfaceEntry} and {@code SetIpInterfaceEntry} of iphlpapi.dll. A family that a user or a policy has taken off the
 * interface has no row, and is passed over.
 */
final class IpInterface {
    private static final Logger log = LoggerFactory.getLogger(IpInterface.class);

    /** sizeof(MIB_IPINTERFACE_ROW), and where its members are; LayoutsTest compiles them against the headers. */
    static final int BYTES = 168;

    static final int FAMILY = 0;
    static final int INTERFACE_LUID = 8;
    static final int INTERFACE_INDEX = 16;
    static final int ROUTER_DISCOVERY_BEHAVIOR = 52;
    static final int DAD_TRANSMITS = 56;
    static final int SITE_PREFIX_LENGTH = 144;
    static final int METRIC = 148;
    static final int NL_MTU = 152;
    static final int CONNECTED = 156;

    static final int AF_INET = 2;
    static final int AF_INET6 = 23;
    static final int ROUTER_DISCOVERY_DISABLED = 0;

    /** An adapter that was just made has no rows yet. */
    private static final Duration APPEARS = Duration.ofSeconds(5);

    private static final long LOOK_MILLIS = 50;

    private IpInterface() {}

    /**
     * Gives an interface its MTU, and takes from it what is for links that others share: routers are not looked for, and addresses
     * are not asked about before they are used. Waits for the interface.
     *
     * @param library iphlpapi
     * @param luid NET_LUID of the interface
     * @return the MTU that IPv4 has, or IPv6 where there is no IPv4; the wanted one where Windows shows neither
     */
    static int set(String library, String name, long luid, int mtu) {
        NativeLibrary iphlpapi = NativeLibrary.getInstance(library);
        try (Memory row = new Memory(BYTES)) {
            long until = System.nanoTime() + APPEARS.toNanos();
            while (!read(iphlpapi, row, luid, AF_INET) && !read(iphlpapi, row, luid, AF_INET6)) {
                if (System.nanoTime() - until >= 0) {
                    log.warn("tun {}: Windows shows no interface of it; its mtu stays", name);
                    return mtu;
                }
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOOK_MILLIS));
            }
            int ipv6 = set(iphlpapi, row, name, luid, AF_INET6, mtu);
            int ipv4 = set(iphlpapi, row, name, luid, AF_INET, mtu);
            return ipv4 > 0 ? ipv4 : ipv6;
        }
    }

    /** Makes a row that was read one to be set. */
    static void prepare(ByteBuffer row, int mtu) {
        if (row.getShort(FAMILY) == AF_INET) {
            row.putInt(SITE_PREFIX_LENGTH, 0); // Windows refuses what it has just said otherwise
        }
        row.putInt(ROUTER_DISCOVERY_BEHAVIOR, ROUTER_DISCOVERY_DISABLED)
                .putInt(DAD_TRANSMITS, 0)
                .putInt(NL_MTU, mtu);
    }

    private static boolean read(NativeLibrary iphlpapi, Memory row, long luid, int family) {
        row.clear();
        row.setShort(FAMILY, (short) family);
        row.setLong(INTERFACE_LUID, luid);
        return iphlpapi.getFunction("GetIpInterfaceEntry").invokeInt(new Object[] {row}) == 0;
    }

    /** Returns the MTU that holds then; 0 where there is no such family. */
    private static int set(NativeLibrary iphlpapi, Memory row, String name, long luid, int family, int mtu) {
        if (!read(iphlpapi, row, luid, family)) {
            return 0;
        }
        int before = row.getInt(NL_MTU);
        prepare(row.getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder()), mtu);
        int error = iphlpapi.getFunction("SetIpInterfaceEntry").invokeInt(new Object[] {row});
        if (error == 0) {
            return mtu;
        }
        log.warn(
                "tun {} keeps mtu {} instead of {} for {}: {}; set it as administrator with: netsh interface {} set"
                        + " subinterface \"{}\" mtu={}",
                name,
                before,
                mtu,
                family == AF_INET ? "IPv4" : "IPv6",
                WindowsError.text(error),
                family == AF_INET ? "ipv4" : "ipv6",
                name,
                mtu);
        return before;
    }
}
