package dev.culvert.tun.windows;

import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The registry below HKEY_LOCAL_MACHINE, as 64-bit programs see it. Blocks for a moment; errors in one line. */
interface Registry {
    /** Names of the keys right below one; none if it is not there. */
    List<String> keys(String path) throws IOException;

    /** A value; null if there is none, or of a form that is none of {@link RegistryValue}'s. */
    @Nullable
    RegistryValue value(String path, String name) throws IOException;

    /** Sets a value; makes its key, and those above. */
    void set(String path, String name, RegistryValue value) throws IOException;

    /** Deletes a value; nothing if there is none. */
    void deleteValue(String path, String name) throws IOException;

    /** Deletes a key and all below; nothing if there is none. */
    void deleteKey(String path) throws IOException;

    /** Has Windows read policies anew, which it does not when their keys change. Does not wait for it. */
    void refreshPolicy() throws IOException;
}
