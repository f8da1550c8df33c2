package dev.culvert.tun.windows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a DLL says of itself: the processor that it is for, and the names that it exports (PE Format, "COFF File Header", "Optional Header",
 * ".edata").
 */
record PortableExecutable(int machine, Set<String> exports) {
    static final int I386 = 0x14c;
    static final int ARMNT = 0x1c4;
    static final int AMD64 = 0x8664;
    static final int ARM64 = 0xaa64;

    private static final int PE32_PLUS = 0x20b;

    static PortableExecutable read(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int coff = b.getInt(0x3c) + 4;
        if (b.getInt(coff - 4) != 'P' + ('E' << 8)) {
            throw new IllegalArgumentException("no portable executable");
        }
        int machine = b.getShort(coff) & 0xffff;
        int sections = b.getShort(coff + 2) & 0xffff;
        int optional = coff + 20;
        int table = optional + (b.getShort(coff + 16) & 0xffff);
        // The first data directory is that of the exports.
        int directory = b.getInt(optional + (b.getShort(optional) == PE32_PLUS ? 112 : 96));
        Set<String> names = new TreeSet<>();
        int exports = offset(b, table, sections, directory);
        int count = b.getInt(exports + 24);
        int pointers = offset(b, table, sections, b.getInt(exports + 32));
        for (int i = 0; i < count; i++) {
            int at = offset(b, table, sections, b.getInt(pointers + 4 * i));
            int end = at;
            while (file[end] != 0) {
                end++;
            }
            names.add(new String(file, at, end - at, StandardCharsets.US_ASCII));
        }
        return new PortableExecutable(machine, names);
    }

    /** Where in the file is what is at an address of the image. */
    private static int offset(ByteBuffer b, int table, int sections, int address) {
        for (int i = 0; i < sections; i++) {
            int section = table + 40 * i;
            int begin = b.getInt(section + 12);
            if (address >= begin && address - begin < b.getInt(section + 16)) {
                return address - begin + b.getInt(section + 20);
            }
        }
        throw new IllegalArgumentException("address " + address + " is in no section");
    }
}
