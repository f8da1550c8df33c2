package dev.culvert.tun.windows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a value of the registry has in it, in those forms that are used here (winnt.h). */
sealed interface RegistryValue {
    int REG_SZ = 1;
    int REG_DWORD = 4;
    int REG_MULTI_SZ = 7;

    /** Which of the forms. */
    int type();

    /** As it is in the registry. */
    byte[] bytes();

    /** REG_SZ. */
    record Text(String text) implements RegistryValue {
        @Override
        public int type() {
            return REG_SZ;
        }

        @Override
        public byte[] bytes() {
            return Wintun.wide(text);
        }

        @Override
        public String toString() {
            return '"' + text + '"';
        }
    }

    /** REG_MULTI_SZ; none of them empty. */
    record Texts(List<String> texts) implements RegistryValue {
        /** Copies. */
        public Texts {
            texts = List.copyOf(texts);
        }

        @Override
        public int type() {
            return REG_MULTI_SZ;
        }

        @Override
        public byte[] bytes() {
            return Wintun.wide(String.join("\0", texts) + '\0');
        }

        @Override
        public String toString() {
            return texts.toString();
        }
    }

    /** REG_DWORD. */
    record Number(int number) implements RegistryValue {
        @Override
        public int type() {
            return REG_DWORD;
        }

        @Override
        public byte[] bytes() {
            return ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(number)
                    .array();
        }

        @Override
        public String toString() {
            return Integer.toString(number);
        }
    }

    /** Reads it; null where it is of another form, or broken. Texts may lack their zeros, which nothing in Windows sees to. */
    static @Nullable RegistryValue of(int type, byte[] bytes) {
        if (type == REG_DWORD) {
            return bytes.length == Integer.BYTES
                    ? new Number(ByteBuffer.wrap(bytes)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getInt())
                    : null;
        }
        String all = new String(bytes, 0, bytes.length & ~1, StandardCharsets.UTF_16LE);
        if (type == REG_SZ) {
            int end = all.indexOf('\0');
            return new Text(end < 0 ? all : all.substring(0, end));
        }
        if (type != REG_MULTI_SZ) {
            return null;
        }
        List<String> texts = new ArrayList<>();
        for (String text : all.split("\0", -1)) {
            if (text.isEmpty()) {
                break;
            }
            texts.add(text);
        }
        return new Texts(texts);
    }
}
