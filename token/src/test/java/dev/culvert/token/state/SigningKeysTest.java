package dev.culvert.token.state;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.store.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two states of the accepted keys, united: what one has retired stays so. */
@NullUnmarked
final class SigningKeysTest {
    @TempDir
    Path dir;

    private SigningKeys keys;

    private SigningKeys of(String text) throws Exception {
        Files.writeString(dir.resolve("signing.pub"), text);
        return keys;
    }

    private String text() throws Exception {
        return Files.readString(dir.resolve("signing.pub"));
    }

    private List<String> ids(String text) throws Exception {
        return of(text).accepted().stream()
                .map(accepted -> accepted.key().keyId())
                .toList();
    }

    @Test
    void aRetiredKeyStaysRetired() throws Exception {
        FileStore store = new FileStore(dir);
        keys = new SigningKeys(store, store, Clock.systemUTC());
        keys.create(null);
        String first = ids(text()).get(0);
        String before = text();
        String second = keys.rotate(null);
        String both = text();
        keys.retire(first);
        String retired = text();
        assertThat(ids(retired)).containsExactly(second);
        assertThat(retired).contains("retired " + first);

        // A dump from before, with a key that was made onto it.
        of(both).rotate(null);
        String later = text();
        String third = ids(later).get(0);
        String united = SigningKeys.union(later, retired);
        assertThat(ids(united)).containsExactly(third, second);
        assertThat(SigningKeys.union(united, retired)).isSameAs(united);
        assertThat(SigningKeys.union(united, both)).isSameAs(united);
        assertThat(SigningKeys.union(retired, both)).isSameAs(retired);
        // It stays so through what comes after.
        of(united).rotate(null);
        assertThat(text()).contains("retired " + first);
        keys.retire(second);
        assertThat(text()).contains("retired " + first, "retired " + second);
        // Where nothing would be left, what the other has left is taken.
        assertThat(ids(SigningKeys.union(before, retired))).containsExactly(second);
    }
}
