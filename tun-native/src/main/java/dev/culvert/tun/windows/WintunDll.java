package dev.culvert.tun.windows;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import dev.culvert.text.FileError;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * WireGuard LLC's wintun.dll, unmodified, as the pinned artefact {@code org.drasyl:netty-tun} carries it; NOTICE has its licence. It is put
 * below {@code Program Files}, where only administrators write, and is loaded from there by its absolute path: a folder for
 * temporary files would let whoever shares it put another in its place between the check and the load.
 */
final class WintunDll {
    /**
     * SHA-256 by architecture, as the artefact names it.
     *
     * <p>arm and x86 are there, and of no use to us: there is no 64-bit process on either.
     */
    static final Map<String, String> SHA_256 = Map.of(
            "amd64", "e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce",
            "arm64", "f7ba89005544be9d85231a9e0d5f23b2d15b3311667e2dad0debd344918a3f80");

    private static final int MAX_BYTES = 4 << 20;

    /** FOLDERID_ProgramFiles, {905e63b6-c1bf-494e-b29c-65b732d3d21a}, as in memory. */
    private static final byte[] PROGRAM_FILES = HexFormat.of().parseHex("b6635e90bfc14e49b29c65b732d3d21a");

    private static final int MAX_PATH = 32_767;

    private WintunDll() {}

    /** Where it belongs on this machine. By Windows' own word: what a variable of the environment says, a user may have set. */
    static Path folder() throws IOException {
        try (Memory path = new Memory(Native.POINTER_SIZE)) {
            int result = NativeLibrary.getInstance("shell32")
                    .getFunction("SHGetKnownFolderPath")
                    .invokeInt(new Object[] {PROGRAM_FILES, 0, Pointer.NULL, path});
            Pointer text = path.getPointer(0);
            if (result != 0) {
                throw new IOException("find the folder of programs: Windows says 0x" + Integer.toHexString(result));
            }
            Path folder = Path.of(Wintun.text(text, MAX_PATH), "Culvert");
            NativeLibrary.getInstance("ole32").getFunction("CoTaskMemFree").invokeVoid(new Object[] {text});
            return folder;
        }
    }

    /** The artefact's word for what Java calls this machine's processor; null for one that Wintun has no 64-bit driver for. */
    static @Nullable String architecture(String osArch) {
        return switch (osArch.toLowerCase(Locale.ROOT)) {
            case "amd64", "x86_64" -> "amd64";
            case "aarch64", "arm64" -> "arm64";
            default -> null;
        };
    }

    /**
     * Puts the DLL for this processor below a folder, unless it is there.
     *
     * @param folder that only administrators may write; made if it is not there
     * @return its absolute path
     * @throws IOException in one line
     */
    static Path unpack(Path folder) throws IOException {
        String osArch = System.getProperty("os.arch", "unknown");
        String architecture = architecture(osArch);
        if (architecture == null) {
            throw new IOException("Wintun has no driver for a Java on " + osArch
                    + "; use a 64-bit Java for this machine's own processor (amd64 or arm64)");
        }
        return unpack(folder, architecture);
    }

    static Path unpack(Path folder, String architecture) throws IOException {
        String hash = SHA_256.get(architecture);
        if (hash == null) {
            throw new IOException("no wintun.dll for " + architecture);
        }
        Path directory = folder.toAbsolutePath().resolve("wintun-" + hash.substring(0, 8));
        Path dll = directory.resolve("wintun.dll");
        try {
            if (Files.isRegularFile(dll)
                    && Files.size(dll) <= MAX_BYTES
                    && hash(Files.readAllBytes(dll)).equals(hash)) {
                return dll;
            }
            byte[] bytes = carried(architecture);
            if (!hash(bytes).equals(hash)) {
                throw new IOException("the wintun.dll that this program carries is not the one that it was built with;"
                        + " install it again");
            }
            Files.createDirectories(directory);
            Path fresh = Files.createTempFile(directory, "wintun", ".new");
            boolean done = false;
            try {
                Files.write(fresh, bytes);
                replace(fresh, dll);
                done = true;
            } finally {
                if (!done) {
                    Files.deleteIfExists(fresh);
                }
            }
            return dll;
        } catch (java.nio.file.FileSystemException e) {
            throw new IOException(
                    "write " + dll + ": " + FileError.reason(e)
                            + "; run this in a prompt that was opened as administrator",
                    e);
        }
    }

    private static void replace(Path fresh, Path dll) throws IOException {
        try {
            Files.move(fresh, dll, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(fresh, dll, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** What is on the class path, unchecked. */
    static byte[] carried(String architecture) throws IOException {
        String resource = "META-INF/native/wintun/" + architecture + "/wintun.dll";
        ClassLoader loader = WintunDll.class.getClassLoader();
        try (InputStream in = loader == null ? null : loader.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("this program has no wintun.dll: netty-tun is missing from its libraries; install"
                        + " it again");
            }
            return in.readNBytes(MAX_BYTES);
        }
    }

    static String hash(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
