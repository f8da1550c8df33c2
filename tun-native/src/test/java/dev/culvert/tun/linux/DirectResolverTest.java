package dev.culvert.tun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.IpLiteral;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** resolv.conf of a directory: made ours, kept so, and put back from whatever a crash leaves. */
@NullUnmarked
class DirectResolverTest {
    private static final String BEFORE =
            "# by hand\nsearch home.example\nnameserver 192.168.1.1\noptions edns0 trust-ad\nnot utf8: \u00e9\n";

    @TempDir
    Path dir;

    /** What may be there before. */
    enum Before {
        FILE,
        MOUNTED_FILE,
        EMPTY_FILE,
        LINK,
        DANGLING_LINK,
        NOTHING
    }

    /** As when the process is killed: nothing that would come later happens. */
    private static final class Killed extends Error {
        private static final long serialVersionUID = 1L;
    }

    private Path conf;

    /** At which step; 0 for never. */
    private int killAt;

    /** By itself, so that nothing can take its place. */
    private boolean mounted;

    private Path prepare(Before before) throws Exception {
        Path etc = Files.createTempDirectory(dir, "etc");
        conf = etc.resolve("resolv.conf");
        switch (before) {
            case FILE, MOUNTED_FILE -> {
                Files.writeString(conf, BEFORE, StandardCharsets.ISO_8859_1);
                Files.setPosixFilePermissions(conf, PosixFilePermissions.fromString("rw-r-----"));
            }
            case EMPTY_FILE -> Files.createFile(conf);
            case LINK -> {
                Files.writeString(etc.resolve("real"), BEFORE, StandardCharsets.ISO_8859_1);
                Files.createSymbolicLink(conf, Path.of("real"));
            }
            case DANGLING_LINK -> Files.createSymbolicLink(conf, Path.of("../run/none"));
            case NOTHING -> {}
        }
        return etc;
    }

    /** Everything about a directory that there is to see. */
    private static String look(Path etc) throws Exception {
        StringBuilder all = new StringBuilder();
        try (Stream<Path> files = Files.list(etc)) {
            for (Path p : files.sorted().toList()) {
                all.append(p.getFileName()).append(' ');
                if (Files.isSymbolicLink(p)) {
                    all.append("-> ").append(Files.readSymbolicLink(p));
                } else {
                    all.append(Files.getAttribute(p, "unix:mode")).append(' ');
                    all.append(new String(Files.readAllBytes(p), StandardCharsets.ISO_8859_1));
                }
                all.append('\n');
            }
        }
        return all.toString();
    }

    private ResolvConfFile file() {
        int[] steps = {0};
        return new ResolvConfFile(conf, step -> {
            if (++steps[0] == killAt) {
                throw new Killed();
            }
            if (mounted && step.equals(ResolvConfFile.RENAME)) {
                throw new FileSystemException(conf.toString(), null, "Device or resource busy");
            }
        });
    }

    private UndoJournal journal() throws IOException {
        return UndoJournal.open(dir.resolve("state").resolve("undo.journal"), steps -> {
            List<UndoFailure> failures = new ArrayList<>();
            for (UndoStep step : steps) {
                try {
                    file().restore((UndoStep.RestoreResolvConf) step);
                } catch (IOException e) {
                    failures.add(new UndoFailure(step, String.valueOf(e.getMessage())));
                }
            }
            return failures;
        });
    }

    private static ResolverConfig config(String... search) {
        return new ResolverConfig(
                "culvert0",
                List.of(Objects.requireNonNull(IpLiteral.parse("100.127.255.53"))),
                List.of("corp.example"),
                List.of(search),
                false);
    }

    private DirectResolver resolver(UndoJournal journal) {
        return new DirectResolver(file(), journal);
    }

    @Test
    void programsAskOursAndItKnowsWhomTheyAskedBefore() throws Exception {
        prepare(Before.FILE);
        try (UndoJournal journal = journal()) {
            HostResolver.Outcome outcome = resolver(journal).keep(config("corp.example"));
            assertThat(outcome.changed()).isTrue();
            assertThat(outcome.asksForAll()).isTrue();
            assertThat(outcome.before()).isEqualTo(BEFORE);
            String mark = ((UndoStep.RestoreResolvConf) journal.pending().get(0)).mark();
            assertThat(mark).hasSize(16);
            assertThat(conf)
                    .hasContent(ResolvConfFile.header(mark)
                            + "nameserver 100.127.255.53\nsearch corp.example home.example\noptions edns0 trust-ad\n");
            assertThat(Files.getPosixFilePermissions(conf))
                    .as("for every program to read")
                    .isEqualTo(PosixFilePermissions.fromString("rw-r--r--"));
        }
    }

    @Test
    void itIsKeptSoAndWhatOthersWriteMeanwhileIsWhatIsPutBack() throws Exception {
        Path etc = prepare(Before.FILE);
        try (UndoJournal journal = journal()) {
            DirectResolver resolver = resolver(journal);
            resolver.keep(config());
            assertThat(resolver.keep(config()).changed()).isFalse();
            Files.delete(conf);
            Files.writeString(conf, "nameserver 10.0.0.53\n");
            String lease = look(etc);
            HostResolver.Outcome outcome = resolver.keep(config());
            assertThat(outcome.changed()).isTrue();
            assertThat(outcome.before()).isEqualTo("nameserver 10.0.0.53\n");
            assertThat(journal.pending()).hasSize(1);
            assertThat(Files.readString(conf)).startsWith(ResolvConfFile.HEADER);
            assertThat(journal.replay()).isEmpty();
            assertThat(look(etc)).isEqualTo(lease);
        }
    }

    @Test
    void whatIsNotOursInTheEndIsLeftAlone() throws Exception {
        Path etc = prepare(Before.FILE);
        try (UndoJournal journal = journal()) {
            resolver(journal).keep(config());
            Files.writeString(conf, "nameserver 10.0.0.53\n");
            String lease = look(etc);
            assertThat(journal.replay()).isEmpty();
            assertThat(look(etc)).isEqualTo(lease);
        }
    }

    @Test
    void anotherClientsIsLeftAlone() throws Exception {
        Path etc = prepare(Before.NOTHING);
        Files.writeString(conf, ResolvConfFile.HEADER + "nameserver 100.127.254.53\n");
        String theirs = look(etc);
        try (UndoJournal journal = journal()) {
            assertThatThrownBy(() -> resolver(journal).keep(config())).hasMessageContaining("another client's");
            assertThat(journal.pending()).isEmpty();
            assertThat(look(etc)).isEqualTo(theirs);
        }
    }

    /** After a boot the journal may be another namespace's: then its record is of another file, and what that says is not put here. */
    @Test
    void aFileIsPutBackByItsOwnRecordOnly() throws Exception {
        Path etc = prepare(Before.FILE);
        String was = look(etc);
        UndoStep.RestoreResolvConf own;
        try (UndoJournal journal = journal()) {
            resolver(journal).keep(config());
            own = (UndoStep.RestoreResolvConf) journal.pending().get(0);
        }
        String ours = look(etc);
        UndoStep.RestoreResolvConf others = new UndoStep.RestoreResolvConf(
                conf.toString(),
                UndoStep.RestoreResolvConf.Kind.FILE,
                "nameserver 10.9.9.9\n",
                0644,
                0,
                0,
                "00000000000000ff");
        assertThat(file().isOf(others)).isFalse();
        assertThat(file().isOf(own.of(""))).as("of an older version").isFalse();
        file().restore(others);
        assertThat(look(etc)).isEqualTo(ours);
        assertThat(file().isOf(own)).isTrue();
        try (UndoJournal journal = journal()) {
            assertThat(journal.pending()).as("read back").containsExactly(own);
            assertThat(journal.replay()).isEmpty();
        }
        assertThat(look(etc)).isEqualTo(was);
        assertThat(file().isOf(own)).isFalse();
    }

    /** A client was killed, and its machine updated before it was started again. */
    @Test
    void whatAnOlderVersionHasLeftIsPutBack() throws Exception {
        Path etc = prepare(Before.FILE);
        String was = look(etc);
        try (UndoJournal journal = journal()) {
            resolver(journal).keep(config());
        }
        Path file = dir.resolve("state").resolve("undo.journal");
        Files.writeString(file, Files.readString(file).replaceAll(",\"mark\":\"[0-9a-f]{16}\"", ""));
        Files.writeString(conf, Files.readString(conf).replaceAll("# Its record: .*\n", ""));
        try (UndoJournal journal = journal()) {
            assertThat(journal.pending()).hasSize(1);
            assertThat(journal.replay()).isEmpty();
        }
        assertThat(look(etc)).isEqualTo(was);
    }

    @Test
    void aNetworkWithoutDomainsNeedsNothing() throws Exception {
        Path etc = prepare(Before.LINK);
        String before = look(etc);
        try (UndoJournal journal = journal()) {
            DirectResolver resolver = resolver(journal);
            resolver.keep(config());
            resolver.release();
            assertThat(look(etc)).isEqualTo(before);
            assertThat(journal.pending()).isEmpty();
        }
    }

    /**
     * The process is killed at its first step, its second and so on; then another replays the journal, and is killed likewise; the third
     * gets through. Each time the directory is, byte for byte, what it was.
     */
    @ParameterizedTest
    @EnumSource(Before.class)
    void whereverItIsKilledAllCanBePutBack(Before before) throws Exception {
        mounted = before == Before.MOUNTED_FILE;
        int killedMaking = 0;
        int killedUndoing = 0;
        for (int first = 0; first < 5; first++) {
            for (int second = 0; second < 5; second++) {
                Path etc = prepare(before);
                String was = look(etc);
                killedMaking += killed(first, journal -> resolver(journal).keep(config("corp.example")));
                killedUndoing += killed(second, UndoJournal::replay);
                killed(0, journal -> assertThat(journal.replay()).isEmpty());
                assertThat(look(etc))
                        .as("killed at step %d, then at %d", first, second)
                        .isEqualTo(was);
            }
        }
        assertThat(killedMaking).isGreaterThanOrEqualTo(2 * 5);
        assertThat(killedUndoing).isPositive();
    }

    /** What a process does with the journal. */
    private interface Run {
        void with(UndoJournal journal) throws Exception;
    }

    /** @return 1 if it was killed at this step */
    private int killed(int step, Run run) throws Exception {
        killAt = step;
        try (UndoJournal journal = journal()) {
            run.with(journal);
            return 0;
        } catch (Killed e) {
            return 1;
        }
    }
}
