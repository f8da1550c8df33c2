package dev.culvert.tun.windows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;

/**
 * An adapter's GUID, the same for a name each time: Windows knows networks by it, and would else keep a new one of each start, and ask
 * whether it is private.
 */
final class AdapterGuid {
    /** sizeof(GUID). */
    static final int BYTES = 16;

    private static final String SPACE = "dev.culvert adapter ";

    private AdapterGuid() {}

    /**
     * As a GUID is in memory: a number of 32 bits and two of 16, in the machine's order, and eight bytes. By its version (RFC 9562
     * section 5.8) one that nobody else made. Windows' names know no case.
     */
    static byte[] of(String name) {
        ByteBuffer hash;
        try {
            hash = ByteBuffer.wrap(MessageDigest.getInstance("SHA-256")
                    .digest((SPACE + name.toLowerCase(Locale.ROOT)).getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
        long last = hash.getLong(8) & 0x3fff_ffff_ffff_ffffL | 0x8000_0000_0000_0000L;
        byte[] guid = new byte[BYTES];
        ByteBuffer.wrap(guid)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(hash.getInt(0))
                .putShort(hash.getShort(4))
                .putShort((short) (hash.getShort(6) & 0x0fff | 0x8000))
                .order(ByteOrder.BIG_ENDIAN)
                .putLong(last);
        return guid;
    }

    /** As Windows writes it: in braces, in capitals. */
    static String text(String name) {
        ByteBuffer guid = ByteBuffer.wrap(of(name)).order(ByteOrder.LITTLE_ENDIAN);
        String last = HexFormat.of().withUpperCase().formatHex(guid.array(), 8, BYTES);
        return String.format(
                Locale.ROOT,
                "{%08X-%04X-%04X-%s-%s}",
                guid.getInt(0),
                guid.getShort(4),
                guid.getShort(6),
                last.substring(0, 4),
                last.substring(4));
    }
}
