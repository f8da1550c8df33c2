package dev.culvert.tun.windows;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** One change of this machine's network by a function of iphlpapi.dll that takes a row: data. */
sealed interface IpAction {
    /** The function's name. */
    String function();

    /** What it is given. */
    byte[] row();

    /** What it is, in a form that people and golden files read. */
    default String text() {
        return function() + " " + what();
    }

    /** What the row says. */
    String what();

    /**
     * Gives an interface an address, or takes it away.
     *
     * @param luid NET_LUID of the interface
     */
    record Address(boolean create, long luid, InetAddress address, int prefixLength) implements IpAction {
        @Override
        public String function() {
            return create ? "CreateUnicastIpAddressEntry" : "DeleteUnicastIpAddressEntry";
        }

        @Override
        public byte[] row() {
            return IpRows.address(luid, address, prefixLength);
        }

        @Override
        public String what() {
            return hex(luid) + " " + AddressText.of(address) + "/" + prefixLength;
        }
    }

    /**
     * Lays a route, or takes it away.
     *
     * @param luid NET_LUID of the interface
     * @param via null when the next hop is the destination itself
     * @param metric the route's own
     */
    record Route(
            boolean create,
            long luid,
            IpPrefix network,
            @Nullable InetAddress via,
            long metric) implements IpAction {
        @Override
        public String function() {
            return create ? "CreateIpForwardEntry2" : "DeleteIpForwardEntry2";
        }

        @Override
        public byte[] row() {
            return IpRows.route(luid, network, via, metric);
        }

        @Override
        public String what() {
            return hex(luid) + " " + network + (via == null ? " on-link" : " via " + AddressText.of(via)) + " metric "
                    + metric;
        }
    }

    /**
     * Gives one family of an interface its MTU, and has it neither look for routers nor probe addresses.
     *
     * @param row MIB_IPINTERFACE_ROW as it is to be
     */
    record Interface(byte[] row) implements IpAction {
        /** The row of an interface as it is, with another MTU. */
        static Interface of(byte[] before, int mtu) {
            byte[] row = before.clone();
            IpInterface.prepare(ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN), mtu);
            return new Interface(row);
        }

        @Override
        public String function() {
            return "SetIpInterfaceEntry";
        }

        @Override
        public String what() {
            ByteBuffer read = ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN);
            return hex(read.getLong(IpInterface.INTERFACE_LUID))
                    + (read.getShort(IpInterface.FAMILY) == IpInterface.AF_INET6 ? " IPv6" : " IPv4") + " mtu "
                    + read.getInt(IpInterface.NL_MTU);
        }
    }

    private static String hex(long luid) {
        return HexFormat.of().toHexDigits(luid);
    }
}
