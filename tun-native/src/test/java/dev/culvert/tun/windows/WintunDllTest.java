package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.Native;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The DLL that the pinned artefact carries: where it goes, that nothing else does, and that it has what we call. */
@NullUnmarked
final class WintunDllTest {
    /** Of wintun.h 0.14. */
    private static final Set<String> FUNCTIONS = Set.of(
            "WintunCreateAdapter",
            "WintunOpenAdapter",
            "WintunCloseAdapter",
            "WintunDeleteDriver",
            "WintunGetAdapterLUID",
            "WintunGetRunningDriverVersion",
            "WintunSetLogger",
            "WintunStartSession",
            "WintunEndSession",
            "WintunGetReadWaitEvent",
            "WintunReceivePacket",
            "WintunReleaseReceivePacket",
            "WintunAllocateSendPacket",
            "WintunSendPacket");

    private static final Map<String, Integer> MACHINES = Map.of(
            "amd64", PortableExecutable.AMD64,
            "arm64", PortableExecutable.ARM64,
            "x86", PortableExecutable.I386,
            "arm", PortableExecutable.ARMNT);

    @ParameterizedTest
    @ValueSource(strings = {"amd64", "arm64", "x86", "arm"})
    void hasEveryFunctionThatWeCall(String architecture) throws IOException {
        PortableExecutable dll = PortableExecutable.read(WintunDll.carried(architecture));
        assertThat(dll.machine()).isEqualTo(MACHINES.get(architecture));
        assertThat(dll.exports()).containsAll(FUNCTIONS);
        assertThat(FUNCTIONS).containsAll(natives(Wintun.class));
        assertThat(natives(Wintun.class)).hasSizeGreaterThan(10);
    }

    private static List<String> natives(Class<?> mapped) {
        return Arrays.stream(mapped.getDeclaredMethods())
                .filter(m -> Modifier.isNative(m.getModifiers()))
                .map(Method::getName)
                .toList();
    }

    /** JNA calls nothing of ours without its own library, which is for the processors that Wintun is for. */
    @ParameterizedTest
    @ValueSource(strings = {"win32-x86-64", "win32-aarch64"})
    void jnaIsThere(String system) throws IOException {
        try (InputStream in = Native.class.getResourceAsStream("/com/sun/jna/" + system + "/jnidispatch.dll")) {
            assertThat(in).isNotNull();
            PortableExecutable dll = PortableExecutable.read(in.readAllBytes());
            assertThat(dll.machine())
                    .isEqualTo(system.endsWith("aarch64") ? PortableExecutable.ARM64 : PortableExecutable.AMD64);
            Set<String> methods = natives(Native.class).stream()
                    .map(name -> "Java_com_sun_jna_Native_" + name.replace("_", "_1"))
                    .collect(Collectors.toSet());
            // Overloads have their parameters behind.
            assertThat(methods)
                    .allMatch(m -> dll.exports().stream().anyMatch(e -> e.equals(m) || e.startsWith(m + "__")));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"amd64", "arm64"})
    void isPutWhereItBelongsOnce(String architecture, @TempDir Path folder) throws IOException {
        Path dll = WintunDll.unpack(folder, architecture);
        assertThat(dll).isAbsolute().startsWith(folder).hasFileName("wintun.dll");
        assertThat(WintunDll.hash(Files.readAllBytes(dll))).isEqualTo(WintunDll.SHA_256.get(architecture));
        Object first = Files.readAttributes(dll, "unix:ino").get("ino");
        assertThat(WintunDll.unpack(folder, architecture)).isEqualTo(dll);
        assertThat(Files.readAttributes(dll, "unix:ino").get("ino")).isEqualTo(first);
    }

    @Test
    void anotherInItsPlaceIsReplaced(@TempDir Path folder) throws IOException {
        Path dll = WintunDll.unpack(folder, "amd64");
        byte[] bytes = Files.readAllBytes(dll);
        bytes[bytes.length / 2] ^= 1;
        Files.write(dll, bytes);
        assertThat(WintunDll.unpack(folder, "amd64")).isEqualTo(dll);
        assertThat(WintunDll.hash(Files.readAllBytes(dll))).isEqualTo(WintunDll.SHA_256.get("amd64"));
        try (Stream<Path> left = Files.list(dll.getParent())) {
            assertThat(left).containsExactly(dll);
        }
    }

    @Test
    void whatCannotBeIsSaidInOneLine(@TempDir Path folder) throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        assertThatThrownBy(() -> WintunDll.unpack(file, "amd64"))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("write " + file + "/wintun-e5da8447/wintun.dll: ")
                .hasMessageEndingWith("; run this in a prompt that was opened as administrator");
        assertThat(WintunDll.architecture("x86")).isNull();
        assertThat(WintunDll.architecture("AMD64")).isEqualTo("amd64");
        assertThat(WintunDll.architecture("aarch64")).isEqualTo("arm64");
    }

    @Test
    void aGuidIsTheNamesOwnAndOneThatNobodyElseMade() {
        byte[] guid = AdapterGuid.of("culvert0");
        assertThat(guid).hasSize(AdapterGuid.BYTES).isEqualTo(AdapterGuid.of("Culvert0"));
        assertThat(guid).isNotEqualTo(AdapterGuid.of("culvert1"));
        // RFC 9562: version 8 in what is the third number, variant 10.
        assertThat(ByteBuffer.wrap(guid).get(7) >> 4 & 0xf).isEqualTo(8);
        assertThat(ByteBuffer.wrap(guid).get(8) >> 6 & 3).isEqualTo(2);
    }

    @Test
    void wideStringsHaveTwoBytesACharacterAndAnEnd() {
        assertThat(Wintun.wide("aé")).containsExactly('a', 0, 0xe9, 0, 0, 0);
    }
}
