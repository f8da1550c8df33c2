package dev.culvert.token.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.store.FileStore;
import dev.culvert.token.state.SharedStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

final class StoreOptionsTest {
    private static final Map<String, String> NO_ENV = Map.of();

    @TempDir
    Path dir;

    @Command
    private static final class Some implements Runnable {
        @Mixin
        StoreOptions store = new StoreOptions();

        @Override
        public void run() {}
    }

    private static StoreOptions options(String... arguments) {
        Some command = new Some();
        new CommandLine(command).parseArgs(arguments);
        return command.store;
    }

    /** A command that is printed for people to type finds the same store. */
    @Test
    void whatWasChosenCanBeSaidAgain() {
        for (String line : new String[] {
            "--store redis://db.example:6379/0",
            "--store rediss://culvert@db.example/1 --store-password-file pw --store-ca ca.pem --cluster-key my.key",
            "--store redis-sentinel://a,b,c/main --store-password-file pw --store-sentinel-password-file spw"
        }) {
            assertThat(options(line.split(" ")).repeated(NO_ENV)).isEqualTo(" " + line);
        }
        assertThat(options().repeated(Map.of("CULVERT_STORE", "redis://db.example/0")))
                .isEqualTo(" --store redis://db.example/0");
        assertThat(options().repeated(NO_ENV)).isEmpty();
        assertThat(options().repeated(Map.of("CULVERT_STORE", " "))).isEmpty();
    }

    @Test
    void aPasswordForSentinelsWhereThereAreNoneIsAMistake() throws Exception {
        Path password = Files.writeString(dir.resolve("pw"), "s3cret\n");
        Files.setPosixFilePermissions(password, java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
        String[] more = {"--store-sentinel-password-file", password.toString()};
        assertThatThrownBy(() ->
                        options("--store", "redis://h/0", more[0], more[1]).choice(dir, NO_ENV, false))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("behind no sentinels")
                .hasMessageNotContaining("s3cret");
        assertThat(options("--store", "redis-sentinel://h/main", more[0], more[1])
                        .choice(dir, NO_ENV, false))
                .isNotEqualTo(SharedStore.SAME);
    }

    /** It would be let in as nobody in particular; and where others have the password in this place, it is not said again. */
    @Test
    void aUserWithoutAPasswordIsAMistake() {
        assertThatThrownBy(() -> options("--store", "redis://s3cret@h/0").choice(dir, NO_ENV, false))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("--store-password-file")
                .hasMessageNotContaining("s3cret");
    }

    /** A key for nothing would be taken for a cluster's. */
    @Test
    void withoutAnEngineNoKeyIsMade() throws Exception {
        SharedStore choice = options("--store", "redis://127.0.0.1:1/0").choice(dir, NO_ENV, true);
        assertThatThrownBy(() -> choice.open(new FileStore(dir))).hasMessageContaining("no engine for redis");
        assertThat(dir.resolve("cluster.key")).doesNotExist();
    }
}
