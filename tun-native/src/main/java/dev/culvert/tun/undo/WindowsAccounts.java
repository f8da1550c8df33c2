package dev.culvert.tun.undo;

import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Names of accounts that each Windows has, in the language that it has them in ("VORDEFINIERT\Administratoren"): asked of advapi32.dll by
 * their SIDs, which are the same everywhere (winnt.h).
 */
final class WindowsAccounts {
    /** SECURITY_NT_AUTHORITY. */
    private static final int NT_AUTHORITY = 5;

    private static final int[] LOCAL_SYSTEM = {18};
    private static final int[] ADMINISTRATORS = {32, 544};

    /** Whose C:\ and Program Files are: S-1-5-80 and a hash of the service's name. */
    private static final int[] TRUSTED_INSTALLER = {
        80, 956008885, (int) 3418522649L, 1831038044, 1853292631, (int) 2271478464L
    };

    /** Of a name and of a domain, in characters; Windows' own bounds are 256 and 255. */
    private static final int MAX_NAME = 512;

    private WindowsAccounts() {}

    /** Who may do everything on this machine, and who runs this. */
    static List<String> trusted() throws IOException {
        try {
            return trusted(NativeLibrary.getInstance("advapi32"));
        } catch (LinkageError e) {
            throw new IOException("load advapi32: " + e.getMessage(), e);
        }
    }

    static List<String> trusted(NativeLibrary advapi32) {
        List<String> names = new ArrayList<>();
        for (int[] account : new int[][] {LOCAL_SYSTEM, ADMINISTRATORS, TRUSTED_INSTALLER}) {
            String name = name(advapi32, sid(account));
            if (!name.isEmpty()) {
                names.add(name);
            }
        }
        names.add(System.getProperty("user.name"));
        return names;
    }

    /** SID of winnt.h: its revision, how many numbers, whose they are (big endian), the numbers. */
    private static byte[] sid(int... numbers) {
        ByteBuffer sid = ByteBuffer.allocate(8 + Integer.BYTES * numbers.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 1)
                .put((byte) numbers.length)
                .put(7, (byte) NT_AUTHORITY)
                .position(8);
        for (int number : numbers) {
            sid.putInt(number);
        }
        return sid.array();
    }

    /** With its domain; empty if this machine has no such account. */
    private static String name(NativeLibrary advapi32, byte[] sid) {
        try (Memory name = new Memory((long) MAX_NAME * Character.BYTES);
                Memory domain = new Memory((long) MAX_NAME * Character.BYTES);
                Memory lengths = new Memory(3L * Integer.BYTES)) {
            lengths.setInt(0, MAX_NAME);
            lengths.setInt(Integer.BYTES, MAX_NAME);
            boolean known = advapi32.getFunction("LookupAccountSidW").invokeInt(new Object[] {
                        Pointer.NULL,
                        sid,
                        name,
                        lengths,
                        domain,
                        lengths.share(Integer.BYTES),
                        lengths.share(2L * Integer.BYTES)
                    })
                    != 0;
            return known ? text(domain) + '\\' + text(name) : "";
        }
    }

    private static String text(Memory wide) {
        String all = new String(wide.getByteArray(0, (int) wide.size()), StandardCharsets.UTF_16LE);
        return all.substring(0, all.indexOf('\0'));
    }
}
