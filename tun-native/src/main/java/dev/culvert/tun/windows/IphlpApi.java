package dev.culvert.tun.windows;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;

/** iphlpapi.dll (netioapi.h), whose functions return their error; for 64-bit processes, where there is one calling convention. */
final class IphlpApi implements NetIo {
    static final String LIBRARY = "iphlpapi";

    /** AF_UNSPEC: both families. */
    static final int AF_UNSPEC = 0;

    /** IF_MAX_STRING_SIZE and a zero. */
    static final int MAX_ALIAS = 257;

    private final NativeLibrary library;

    private IphlpApi(NativeLibrary library) {
        this.library = library;
    }

    /** This machine's. */
    static IphlpApi open() throws IOException {
        return open(LIBRARY);
    }

    /**
     * Another's.
     *
     * @param name of the library, or its absolute path
     */
    static IphlpApi open(String name) throws IOException {
        try {
            return new IphlpApi(NativeLibrary.getInstance(name));
        } catch (LinkageError e) {
            throw new IOException("load " + name + ": " + e.getMessage(), e);
        }
    }

    private Function function(String name) {
        return library.getFunction(name);
    }

    @Override
    public byte[] table(Table table) throws IOException {
        try (Memory place = new Memory(Native.POINTER_SIZE)) {
            int error = function(table.function).invokeInt(new Object[] {AF_UNSPEC, place});
            if (error == WindowsError.ERROR_NOT_FOUND) {
                return new byte[IpRows.TABLE_ROWS]; // Windows' way to say that there are none
            }
            if (error != 0) {
                throw new IOException("read the network of this machine: " + WindowsError.text(error));
            }
            Pointer rows = place.getPointer(0);
            try {
                long count = rows.getInt(0) & 0xffff_ffffL;
                if (count > MAX_ROWS) {
                    throw new IOException("read the network of this machine: " + table.function + " has more than "
                            + MAX_ROWS + " rows; start with --no-host-changes and lay the routes yourself");
                }
                return rows.getByteArray(0, IpRows.TABLE_ROWS + (int) count * table.rowBytes);
            } finally {
                function("FreeMibTable").invokeVoid(new Object[] {rows});
            }
        }
    }

    @Override
    public String alias(long luid) {
        try (Memory key = new Memory(Long.BYTES);
                Memory alias = new Memory((long) MAX_ALIAS * Character.BYTES)) {
            key.setLong(0, luid);
            // The length is a SIZE_T, in characters.
            int error = function("ConvertInterfaceLuidToAlias").invokeInt(new Object[] {key, alias, (long) MAX_ALIAS});
            return error == 0 ? Wintun.text(alias, MAX_ALIAS) : "";
        }
    }

    @Override
    public int perform(IpAction action) {
        byte[] bytes = action.row();
        try (Memory row = new Memory(bytes.length)) {
            row.write(0, bytes, 0, bytes.length);
            return function(action.function()).invokeInt(new Object[] {row});
        }
    }
}
