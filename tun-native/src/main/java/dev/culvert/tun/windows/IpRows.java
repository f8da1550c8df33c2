package dev.culvert.tun.windows;

import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rows of netioapi.h as bytes, of a 64-bit process: pure. LayoutsTest compiles sizes and offsets against the headers. What a table has
 * that cannot be read (a family that is none, a prefix longer than its address) is left out.
 */
final class IpRows {
    /** sizeof(SOCKADDR_INET), and where its members are; the family comes first, in two bytes. */
    static final int SOCKADDR_INET = 28;

    static final int SIN_ADDR = 4;
    static final int SIN6_ADDR = 8;

    /** sizeof(MIB_UNICASTIPADDRESS_ROW); the address comes first. */
    static final int ADDRESS_BYTES = 80;

    static final int ADDRESS_LUID = 32;
    static final int ADDRESS_PREFIX_ORIGIN = 44;
    static final int ADDRESS_SUFFIX_ORIGIN = 48;
    static final int ADDRESS_VALID = 52;
    static final int ADDRESS_PREFERRED = 56;
    static final int ADDRESS_PREFIX_LENGTH = 60;
    static final int ADDRESS_DAD_STATE = 64;

    /** sizeof(MIB_IPFORWARD_ROW2); the NET_LUID comes first. */
    static final int ROUTE_BYTES = 104;

    static final int ROUTE_PREFIX = 12;
    static final int ROUTE_PREFIX_LENGTH = 40;
    static final int ROUTE_NEXT_HOP = 44;
    static final int ROUTE_VALID = 76;
    static final int ROUTE_PREFERRED = 80;
    static final int ROUTE_METRIC = 84;
    static final int ROUTE_PROTOCOL = 88;
    static final int ROUTE_IMMORTAL = 95;

    /** Of each of the MIB_..._TABLEs: the number of rows, and where the first is. */
    static final int TABLE_ROWS = 8;

    /** IpPrefixOriginManual and IpSuffixOriginManual. */
    static final int ORIGIN_MANUAL = 1;

    /** IpDadStatePreferred. */
    static final int DAD_STATE_PREFERRED = 4;

    /** RouteProtocolLocal: what the system makes for an address; RouteProtocolNetMgmt: what anybody else asks for. */
    static final int PROTOCOL_LOCAL = 2;

    static final int PROTOCOL_NET_MGMT = 3;

    /** A lifetime, in seconds, that does not end. */
    private static final int INFINITE = -1;

    private static final int IPV4_BYTES = 4;
    private static final int IPV6_BYTES = 16;

    /** MIB_UNICASTIPADDRESS_ROW. */
    record Address(long luid, InetAddress address, int prefixLength) {}

    /**
     * MIB_IPFORWARD_ROW2.
     *
     * @param via null when the next hop is the destination itself
     * @param metric the route's own; what counts is this and the interface's together
     */
    record Route(long luid, IpPrefix network, @Nullable InetAddress via, long metric, int protocol) {}

    /** MIB_IPINTERFACE_ROW: what an interface is for one family; the row is kept to be changed. */
    record Interface(long luid, boolean ipv6, int index, long metric, int mtu, boolean connected, byte[] row) {}

    private IpRows() {}

    static List<Address> addresses(byte[] table) throws IOException {
        List<Address> addresses = new ArrayList<>();
        for (ByteBuffer row : rows(table, ADDRESS_BYTES)) {
            InetAddress address = internet(row, 0);
            int length = row.get(ADDRESS_PREFIX_LENGTH) & 0xff;
            if (address != null && length <= address.getAddress().length * Byte.SIZE) {
                addresses.add(new Address(row.getLong(ADDRESS_LUID), address, length));
            }
        }
        return addresses;
    }

    static List<Route> routes(byte[] table) throws IOException {
        List<Route> routes = new ArrayList<>();
        for (ByteBuffer row : rows(table, ROUTE_BYTES)) {
            InetAddress network = internet(row, ROUTE_PREFIX);
            InetAddress via = internet(row, ROUTE_NEXT_HOP);
            int length = row.get(ROUTE_PREFIX_LENGTH) & 0xff;
            IpPrefix prefix = network == null ? null : prefix(network, length);
            if (prefix != null) {
                routes.add(new Route(
                        row.getLong(0),
                        prefix,
                        via == null || via.isAnyLocalAddress() ? null : via,
                        row.getInt(ROUTE_METRIC) & 0xffff_ffffL,
                        row.getInt(ROUTE_PROTOCOL)));
            }
        }
        return routes;
    }

    static List<Interface> interfaces(byte[] table) throws IOException {
        List<Interface> interfaces = new ArrayList<>();
        for (ByteBuffer row : rows(table, IpInterface.BYTES)) {
            int family = row.getShort(IpInterface.FAMILY);
            if (family == IpInterface.AF_INET || family == IpInterface.AF_INET6) {
                byte[] bytes = new byte[IpInterface.BYTES];
                row.get(0, bytes);
                interfaces.add(new Interface(
                        row.getLong(IpInterface.INTERFACE_LUID),
                        family == IpInterface.AF_INET6,
                        row.getInt(IpInterface.INTERFACE_INDEX),
                        row.getInt(IpInterface.METRIC) & 0xffff_ffffL,
                        row.getInt(IpInterface.NL_MTU),
                        row.get(IpInterface.CONNECTED) != 0,
                        bytes));
            }
        }
        return interfaces;
    }

    private static List<ByteBuffer> rows(byte[] table, int bytes) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
        long count = table.length < TABLE_ROWS ? -1 : all.getInt(0) & 0xffff_ffffL;
        if (count < 0 || count > (table.length - TABLE_ROWS) / bytes) {
            throw new IOException("read the network of this machine: a table of " + table.length + " bytes has not the "
                    + count + " rows that it says");
        }
        List<ByteBuffer> rows = new ArrayList<>((int) count);
        for (int i = 0; i < count; i++) {
            rows.add(all.slice(TABLE_ROWS + i * bytes, bytes).order(ByteOrder.LITTLE_ENDIAN));
        }
        return rows;
    }

    /** An address without duplicate address detection, as nobody shares the link. */
    static byte[] address(long luid, InetAddress address, int prefixLength) {
        ByteBuffer row = ByteBuffer.allocate(ADDRESS_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        put(row, 0, address);
        row.putLong(ADDRESS_LUID, luid)
                .putInt(ADDRESS_PREFIX_ORIGIN, ORIGIN_MANUAL)
                .putInt(ADDRESS_SUFFIX_ORIGIN, ORIGIN_MANUAL)
                .putInt(ADDRESS_VALID, INFINITE)
                .putInt(ADDRESS_PREFERRED, INFINITE)
                .put(ADDRESS_PREFIX_LENGTH, (byte) prefixLength)
                .putInt(ADDRESS_DAD_STATE, DAD_STATE_PREFERRED);
        return row.array();
    }

    /** @param via null when the next hop is the destination itself */
    static byte[] route(long luid, IpPrefix network, @Nullable InetAddress via, long metric) {
        ByteBuffer row = ByteBuffer.allocate(ROUTE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        row.putLong(0, luid);
        put(row, ROUTE_PREFIX, network.network());
        row.put(ROUTE_PREFIX_LENGTH, (byte) network.length());
        put(row, ROUTE_NEXT_HOP, via == null ? unspecified(network) : via);
        row.putInt(ROUTE_VALID, INFINITE)
                .putInt(ROUTE_PREFERRED, INFINITE)
                .putInt(ROUTE_METRIC, (int) metric)
                .putInt(ROUTE_PROTOCOL, PROTOCOL_NET_MGMT)
                .put(ROUTE_IMMORTAL, (byte) 1);
        return row.array();
    }

    private static InetAddress unspecified(IpPrefix network) {
        return IpLiteral.fromBytes(new byte[network.isIpv6() ? IPV6_BYTES : IPV4_BYTES]);
    }

    /** A SOCKADDR_INET without a scope: that is the interface's, which each row has. */
    private static void put(ByteBuffer row, int at, InetAddress address) {
        byte[] bytes = address.getAddress();
        boolean ipv6 = bytes.length == IPV6_BYTES;
        row.putShort(at, (short) (ipv6 ? IpInterface.AF_INET6 : IpInterface.AF_INET));
        row.put(at + (ipv6 ? SIN6_ADDR : SIN_ADDR), bytes);
    }

    private static @Nullable InetAddress internet(ByteBuffer row, int at) {
        int family = row.getShort(at);
        if (family != IpInterface.AF_INET && family != IpInterface.AF_INET6) {
            return null;
        }
        boolean ipv6 = family == IpInterface.AF_INET6;
        byte[] bytes = new byte[ipv6 ? IPV6_BYTES : IPV4_BYTES];
        row.get(at + (ipv6 ? SIN6_ADDR : SIN_ADDR), bytes);
        return IpLiteral.fromBytes(bytes);
    }

    /** Null when it is none: too long, or with bits behind its length. */
    private static @Nullable IpPrefix prefix(InetAddress network, int length) {
        try {
            return IpPrefix.of(network, length);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
