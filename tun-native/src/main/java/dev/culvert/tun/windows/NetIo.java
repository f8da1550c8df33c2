package dev.culvert.tun.windows;

import java.io.IOException;

/** netioapi.h: what iphlpapi.dll tells of this machine's network and does to it. Blocks for a moment. */
interface NetIo {
    /** {@code GetIpInterfaceTable}, {@code GetUnicastIpAddressTable} and {@code GetIpForwardTable2}. */
    enum Table {
        INTERFACES("GetIpInterfaceTable", IpInterface.BYTES),
        ADDRESSES("GetUnicastIpAddressTable", IpRows.ADDRESS_BYTES),
        ROUTES("GetIpForwardTable2", IpRows.ROUTE_BYTES);

        /** Its function. */
        final String function;

        /** Of each row. */
        final int rowBytes;

        Table(String function, int rowBytes) {
            this.function = function;
            this.rowBytes = rowBytes;
        }
    }

    /** Tables of border routers are not read into this memory. */
    int MAX_ROWS = 200_000;

    /**
     * A copy of a table, of both families: its number of rows, and the rows from {@link IpRows#TABLE_ROWS} on.
     *
     * @throws IOException in one line
     */
    byte[] table(Table table) throws IOException;

    /** An interface's alias, as people know it; empty if there is no such interface any more. */
    String alias(long luid);

    /** Does it; returns an error of Windows, 0 for none. */
    int perform(IpAction action);
}
