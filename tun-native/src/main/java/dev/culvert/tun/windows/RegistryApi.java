package dev.culvert.tun.windows;

import com.sun.jna.Function;
import com.sun.jna.Memory;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** winreg.h: functions of advapi32.dll, which return their error; for 64-bit processes. */
final class RegistryApi implements Registry {
    /** HKEY_LOCAL_MACHINE: a number of 32 bits with its sign. */
    static final long LOCAL_MACHINE = 0xffff_ffff_8000_0002L;

    /** Access rights of winnt.h. */
    static final int KEY_READ = 0x20019;

    static final int KEY_WRITE = 0x20006;
    static final int KEY_WOW64_64KEY = 0x100;

    /** Longer than a key's name may be, which are 255 characters, and a zero. */
    private static final int MAX_KEY = 256;

    /** More rules than Windows reads; a key with more below is not one that is read here. */
    private static final int MAX_KEYS = 10_000;

    /** Of a value that is looked at. */
    private static final int MAX_VALUE = 64 << 10;

    private static final int MAX_PATH = 32_767;

    private final NativeLibrary advapi32;
    private final String kernel32;
    private final String userenv;

    private RegistryApi(NativeLibrary advapi32, String kernel32, String userenv) {
        this.advapi32 = advapi32;
        this.kernel32 = kernel32;
        this.userenv = userenv;
    }

    /** This machine's. */
    static RegistryApi open() throws IOException {
        return open("advapi32", "kernel32", "userenv");
    }

    /** Another's: names of libraries, or absolute paths. */
    static RegistryApi open(String advapi32, String kernel32, String userenv) throws IOException {
        try {
            return new RegistryApi(NativeLibrary.getInstance(advapi32), kernel32, userenv);
        } catch (LinkageError e) {
            throw new IOException("load " + advapi32 + ": " + e.getMessage(), e);
        }
    }

    /** Where Windows' own programs are; by its word, as a user may set the environment. */
    String systemDirectory() throws IOException {
        try (Memory path = new Memory((long) MAX_PATH * Character.BYTES)) {
            int length = NativeLibrary.getInstance(kernel32)
                    .getFunction("GetSystemDirectoryW")
                    .invokeInt(new Object[] {path, MAX_PATH});
            if (length <= 0 || length >= MAX_PATH) {
                throw new IOException("find the directory of Windows: it does not say");
            }
            return Wintun.text(path, MAX_PATH);
        }
    }

    private Function function(String name) {
        return advapi32.getFunction(name);
    }

    private interface Use<T> {
        @Nullable
        T of(long key) throws IOException;
    }

    /** Opens a key, and closes it after its use; null if there is none. */
    private <T> @Nullable T with(String path, int access, boolean create, Use<T> use) throws IOException {
        try (Memory place = new Memory(Long.BYTES)) {
            int error = create
                    ? function("RegCreateKeyExW").invokeInt(new Object[] {
                        LOCAL_MACHINE,
                        Wintun.wide(path),
                        0,
                        Pointer.NULL,
                        0,
                        access | KEY_WOW64_64KEY,
                        Pointer.NULL,
                        place,
                        Pointer.NULL
                    })
                    : function("RegOpenKeyExW").invokeInt(new Object[] {
                        LOCAL_MACHINE, Wintun.wide(path), 0, access | KEY_WOW64_64KEY, place
                    });
            if (error == WindowsError.ERROR_FILE_NOT_FOUND && !create) {
                return null;
            }
            check(error, path);
            long key = place.getLong(0);
            try {
                return use.of(key);
            } finally {
                function("RegCloseKey").invokeInt(new Object[] {key});
            }
        }
    }

    private static void check(int error, String path) throws IOException {
        if (error != 0) {
            throw new IOException("use HKLM\\" + path + " of the registry: " + WindowsError.text(error)
                    + (error == WindowsError.ERROR_ACCESS_DENIED
                            ? "; run this in a prompt that was opened as administrator"
                            : ""));
        }
    }

    @Override
    public List<String> keys(String path) throws IOException {
        List<String> keys = with(path, KEY_READ, false, key -> {
            List<String> names = new ArrayList<>();
            try (Memory name = new Memory((long) MAX_KEY * Character.BYTES);
                    Memory length = new Memory(Integer.BYTES)) {
                for (int i = 0; i < MAX_KEYS; i++) {
                    length.setInt(0, MAX_KEY);
                    int error = function("RegEnumKeyExW").invokeInt(new Object[] {
                        key, i, name, length, Pointer.NULL, Pointer.NULL, Pointer.NULL, Pointer.NULL
                    });
                    if (error == WindowsError.ERROR_NO_MORE_ITEMS) {
                        break;
                    }
                    check(error, path);
                    names.add(Wintun.text(name, MAX_KEY));
                }
            }
            return names;
        });
        return keys == null ? List.of() : keys;
    }

    @Override
    public @Nullable RegistryValue value(String path, String name) throws IOException {
        return with(path, KEY_READ, false, key -> {
            try (Memory type = new Memory(Integer.BYTES);
                    Memory length = new Memory(Integer.BYTES);
                    Memory data = new Memory(MAX_VALUE)) {
                length.setInt(0, MAX_VALUE);
                int error = function("RegQueryValueExW")
                        .invokeInt(new Object[] {key, Wintun.wide(name), Pointer.NULL, type, data, length});
                if (error == WindowsError.ERROR_FILE_NOT_FOUND) {
                    return null;
                }
                check(error, path + "\\" + name);
                return RegistryValue.of(type.getInt(0), data.getByteArray(0, length.getInt(0)));
            }
        });
    }

    @Override
    public void set(String path, String name, RegistryValue value) throws IOException {
        byte[] bytes = value.bytes();
        with(path, KEY_WRITE, true, key -> {
            check(
                    function("RegSetValueExW")
                            .invokeInt(new Object[] {key, Wintun.wide(name), 0, value.type(), bytes, bytes.length}),
                    path + "\\" + name);
            return true;
        });
    }

    @Override
    public void deleteValue(String path, String name) throws IOException {
        with(path, KEY_WRITE, false, key -> {
            int error = function("RegDeleteValueW").invokeInt(new Object[] {key, Wintun.wide(name)});
            check(error == WindowsError.ERROR_FILE_NOT_FOUND ? 0 : error, path + "\\" + name);
            return true;
        });
    }

    @Override
    public void deleteKey(String path) throws IOException {
        int error = function("RegDeleteTreeW").invokeInt(new Object[] {LOCAL_MACHINE, Wintun.wide(path)});
        check(error == WindowsError.ERROR_FILE_NOT_FOUND ? 0 : error, path);
    }

    @Override
    public void refreshPolicy() throws IOException {
        try {
            NativeLibrary.getInstance(userenv).getFunction("RefreshPolicy").invokeInt(new Object[] {1});
        } catch (LinkageError e) {
            throw new IOException("load " + userenv + ": " + e.getMessage(), e);
        }
    }
}
