package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.SessionId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A client's processes know which sessions of those before them have ended. */
@NullUnmarked
final class NotedSessionTest {
    @TempDir
    Path temporary;

    private final List<String> said = new ArrayList<>();

    private NotedSession begin(Path directory) {
        return NotedSession.begin(() -> directory, "laptop", said::add);
    }

    private NotedSession begin() {
        return begin(temporary.resolve("state"));
    }

    private Path document() {
        return temporary.resolve("state/sessions-laptop");
    }

    private static SessionId digest(NotedSession session) {
        return session.session().secret().digest();
    }

    private static String hex(long high, long low) {
        return HexFormat.of().toHexDigits(high) + HexFormat.of().toHexDigits(low);
    }

    @Test
    void aSuccessorKnowsWhatEndedBeforeItAndHasASessionOfItsOwn() {
        NotedSession first = begin();
        assertThat(first.session().ended()).isEmpty();
        first.close();
        NotedSession second = begin();
        assertThat(second.session().ended()).containsExactly(digest(first));
        assertThat(second.session().secret()).isNotEqualTo(first.session().secret());
        second.close();
        try (NotedSession third = begin()) {
            assertThat(third.session().ended())
                    .as("the second may never have reached a gateway")
                    .containsExactly(digest(first), digest(second));
        }
        assertThat(said).isEmpty();
    }

    @Test
    void twoThatRunAtOnceDoNotEndEachOther() {
        try (NotedSession one = begin();
                NotedSession two = begin()) {
            assertThat(two.session().ended()).isEmpty();
            assertThat(digest(two)).isNotEqualTo(digest(one));
        }
    }

    /** Whoever reads the file may say that the session has ended, and not go on with it. */
    @Test
    void theSecretIsNotNoted() throws Exception {
        try (NotedSession session = begin()) {
            SessionId secret = session.session().secret();
            SessionId digest = digest(session);
            assertThat(Files.readString(document()))
                    .contains(hex(digest.high(), digest.low()))
                    .doesNotContain(HexFormat.of().toHexDigits(secret.high()))
                    .doesNotContain(HexFormat.of().toHexDigits(secret.low()));
        }
        try (Stream<Path> files = Files.list(temporary.resolve("state"))) {
            for (Path file : files.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as("%s", file)
                        .isEqualTo("rw-------");
            }
        }
    }

    @Test
    void theLastFourAreNoted() throws Exception {
        List<SessionId> all = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            try (NotedSession next = begin()) {
                assertThat(next.session().ended()).isEqualTo(all.subList(Math.max(0, all.size() - 4), all.size()));
                all.add(digest(next));
            }
        }
        assertThat(Files.readAllLines(document())).hasSize(5);
    }

    @Test
    void whereNothingCanBeWrittenItDoesWithoutAndSaysSoInOneLine() throws Exception {
        Path file = temporary.resolve("file");
        Files.writeString(file, "a file");
        try (NotedSession one = begin(file);
                NotedSession two = begin(file)) {
            assertThat(two.session().ended()).isEmpty();
            assertThat(digest(two)).isNotEqualTo(digest(one));
        }
        assertThat(said)
                .hasSize(2)
                .allSatisfy(line -> assertThat(line)
                        .startsWith("should this client be killed, its connections would hang")
                        .contains(file.toString())
                        .doesNotContain("\n", "null"));
    }

    @Test
    void whatIsNoneOfOursIsLeftOut() throws Exception {
        NotedSession first = begin();
        first.close();
        Files.writeString(
                document(),
                "# hello\n- 0123456789abcdef\n- " + "-".repeat(32) + "\n- " + "a".repeat(36) + "\n" + "00 "
                        + "z".repeat(32) + "\n" + Files.readString(document()) + "0 cut");
        try (NotedSession next = begin()) {
            assertThat(next.session().ended()).containsExactly(digest(first));
        }
        Files.write(document(), new byte[] {0, -1, 10, 13});
        try (NotedSession next = begin()) {
            assertThat(next.session().ended()).isEmpty();
        }
    }

    /** A directory that was copied, or that a backup has brought back: each process has a secret that nobody else has. */
    @Test
    void aCopiedDirectoryMixesUpNothing() throws Exception {
        try (NotedSession original = begin()) {
            Path copy = Files.createDirectory(temporary.resolve("copy"));
            Files.copy(document(), copy.resolve("sessions-laptop"));
            try (NotedSession copied = begin(copy)) {
                assertThat(copied.session().ended()).containsExactly(digest(original));
                assertThat(digest(copied)).isNotEqualTo(digest(original));
            }
        }
    }
}
