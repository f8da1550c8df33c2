package dev.culvert.store.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.StateException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HexFormat;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The file with the cluster's secret, and what is derived of it. */
@NullUnmarked
final class ClusterKeyTest {
    @TempDir
    Path dir;

    @Test
    void whatIsMadeIsReadAndForItsOwnerOnly() throws Exception {
        Path file = dir.resolve("cluster.key");
        ClusterKey.create(file);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(ClusterKey.read(file).secret())
                .hasSize(32)
                .isEqualTo(ClusterKey.read(file).secret());
        assertThat(ClusterKey.generate().secret())
                .isNotEqualTo(ClusterKey.generate().secret());
        String before = Files.readString(file);
        assertThatThrownBy(() -> ClusterKey.create(file)).isInstanceOf(StateException.class);
        assertThat(file).hasContent(before.strip());
    }

    @Test
    void whatIsMissingOpenOrNoneIsRefusedInALine() throws Exception {
        Path file = dir.resolve("cluster.key");
        assertThatThrownBy(() -> ClusterKey.read(file))
                .isInstanceOf(StateException.class)
                .hasMessageContaining(file + " is missing")
                .hasMessageContaining("token cluster-key");
        ClusterKey.create(file);
        for (String mode : new String[] {"rw-r-----", "rw----r--", "rw--w----"}) {
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
            assertThatThrownBy(() -> ClusterKey.read(file))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("chmod 600 " + file);
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        for (String text :
                new String[] {"", "x\n", "culvert-cluster-key-1 abc\n", "culvert-cluster-key-2 " + "A".repeat(43)}) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> ClusterKey.read(file))
                    .isInstanceOf(StateException.class)
                    .hasMessageContaining("something else than a cluster key")
                    .hasMessageNotContaining("\n");
        }
    }

    /** RFC 5869, the first 32 bytes of test case 3: without salt, and its info is empty. */
    @Test
    void keysAreDerivedAsTheStandardSays() {
        byte[] secret = new byte[22];
        java.util.Arrays.fill(secret, (byte) 0x0b);
        assertThat(Seal.hkdf(secret, new byte[0]))
                .isEqualTo(HexFormat.of().parseHex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"));
    }

    @Test
    void aSealIsItsKeysAndItsPlacesOnly() {
        ClusterKey key = ClusterKey.generate();
        Seal seal = new Seal(key);
        byte[] closed = seal.close("here", 7, "text \u20ac");
        assertThat(new Seal(key).open("here", closed)).isEqualTo(new Seal.Opened(7, "text \u20ac"));
        assertThat(seal.open("there", closed)).isNull();
        assertThat(new Seal(ClusterKey.generate()).open("here", closed)).isNull();
        assertThat(Seal.version(closed)).isNotEqualTo(Seal.version(seal.close("here", 7, "text \u20ac")));
        closed[8] = 8; // the number alone
        assertThat(seal.open("here", closed)).isNull();
        assertThat(seal.open("here", new byte[0])).isNull();
    }
}
