package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/** What a DLL of Windows exports, by the archive that mingw-w64 links with: its index of names (ar(5), "/": a count, as many offsets, names). */
final class ImportLibrary {
    private static final Path DIRECTORY = Path.of("/usr/x86_64-w64-mingw32/lib");
    private static final String MAGIC = "!<arch>\n";
    private static final int HEADER = 60;

    private ImportLibrary() {}

    /** Names of functions of a DLL, without {@code .dll}. */
    static Set<String> functions(String dll) throws IOException {
        Path file = DIRECTORY.resolve("lib" + dll + ".a");
        assertThat(file)
                .as("Windows' import libraries are needed for this test (apt-get install mingw-w64-x86-64-dev)")
                .exists();
        ByteBuffer archive = ByteBuffer.wrap(Files.readAllBytes(file));
        assertThat(text(archive, MAGIC.length())).isEqualTo(MAGIC);
        assertThat(text(archive, HEADER)).startsWith("/ ");
        int count = archive.getInt();
        archive.position(archive.position() + count * Integer.BYTES);
        Set<String> names = new TreeSet<>();
        for (int i = 0; i < count; i++) {
            int start = archive.position();
            while (archive.get() != 0) {}
            names.add(new String(archive.array(), start, archive.position() - 1 - start, StandardCharsets.US_ASCII));
        }
        return names;
    }

    private static String text(ByteBuffer archive, int length) {
        byte[] bytes = new byte[length];
        archive.get(bytes);
        return new String(bytes, StandardCharsets.US_ASCII);
    }
}
