package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An agent's processes know which of those before them have ended. */
@NullUnmarked
final class InstanceTest {
    @TempDir
    Path temporary;

    private Instance start(String agent) {
        return Instance.noted(() -> temporary.resolve("state"), agent);
    }

    private Instance start() {
        return start("office");
    }

    private Path document() {
        return temporary.resolve("state/instances-office");
    }

    @Test
    void aSuccessorReplacesThoseBeforeIt() {
        Instance first = start();
        assertThat(first.replaces()).isEmpty();
        first.close();
        Instance second = start();
        assertThat(second.replaces()).containsExactly(first.id());
        second.close();
        try (Instance third = start()) {
            assertThat(third.replaces())
                    .as("the second may never have reached a gateway")
                    .containsExactly(first.id(), second.id());
        }
    }

    @Test
    void twoThatRunAtOnceDoNotReplaceEachOther() {
        Instance one = start();
        Instance two = start();
        assertThat(two.replaces()).isEmpty();
        one.close();
        try (Instance three = start()) {
            assertThat(three.replaces()).containsExactly(one.id());
            two.close();
            try (Instance four = start()) {
                assertThat(four.replaces()).containsExactlyInAnyOrder(one.id(), two.id());
            }
        }
    }

    @Test
    void agentsOfOtherNamesDoNotReplaceEachOther() {
        start("office").close();
        try (Instance other = start("office-1")) {
            assertThat(other.replaces()).isEmpty();
        }
    }

    @Test
    void theLastSixteenAreNoted() throws Exception {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            try (Instance next = start()) {
                assertThat(next.replaces()).isEqualTo(ids.subList(Math.max(0, ids.size() - 16), ids.size()));
                ids.add(next.id());
            }
        }
        assertThat(Files.readAllLines(document())).hasSize(17);
        try (Stream<Path> files = Files.list(temporary.resolve("state"))) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder("instances-office", ".instances-office.0.lock", ".lock");
        }
    }

    @Test
    void moreThanThereArePlacesForAreNotNoted() throws Exception {
        List<Instance> all = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            all.add(start());
        }
        assertThat(all).allMatch(i -> i.replaces().isEmpty());
        assertThat(all.stream().map(Instance::id)).doesNotHaveDuplicates();
        assertThat(Files.readAllLines(document())).hasSize(16);
        all.forEach(Instance::close);
        try (Instance next = start()) {
            assertThat(next.replaces())
                    .isEqualTo(all.stream().limit(16).map(Instance::id).toList());
        }
    }

    /** What others may read says nothing of use to them, but they need not read it. */
    @Test
    void theFilesAreTheAgentsOwn() throws Exception {
        try (Instance instance = start();
                Stream<Path> files = Files.list(temporary.resolve("state"))) {
            assertThat(instance.replaces()).isEmpty();
            for (Path file : files.toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .as("%s", file)
                        .isEqualTo("rw-------");
            }
        }
    }

    @Test
    void whereNothingCanBeWrittenItDoesWithout() throws Exception {
        Files.writeString(temporary.resolve("state"), "a file");
        Instance first = start();
        Instance second = start();
        assertThat(second.id()).isNotEqualTo(first.id());
        assertThat(second.replaces()).isEmpty();
        second.close();
        try (Instance nowhere = Instance.noted(() -> Path.of("no\0path"), "office")) {
            assertThat(nowhere.replaces()).isEmpty();
        }
    }

    /** What could not be noted holds no place, and the rest goes on when it can be written again. */
    @Test
    void itIsNotedAgainWhenThatIsPossibleAgain() throws Exception {
        Instance first = start();
        first.close();
        Path aside = temporary.resolve("aside");
        Files.move(document(), aside);
        Files.createDirectories(document().resolve("in-the-way"));
        Instance second = start();
        assertThat(second.replaces()).isEmpty();
        Files.delete(document().resolve("in-the-way"));
        Files.delete(document());
        Files.move(aside, document());
        try (Instance third = start()) {
            assertThat(third.replaces()).containsExactly(first.id());
            assertThat(Files.readString(document())).contains("0 " + third.id());
        }
        second.close();
    }

    @Test
    void whatIsNoneOfOursIsLeftOut() throws Exception {
        Instance first = start();
        first.close();
        Files.writeString(
                document(), "# hello\n- a/b\n99 " + "x".repeat(36) + "\n" + Files.readString(document()) + "0 cut");
        try (Instance next = start()) {
            assertThat(next.replaces()).containsExactly(first.id());
            assertThat(Files.readAllLines(document())).hasSize(2);
        }
    }

    /** Run by a test in a process of its own. */
    public static final class OtherProcess {
        public static void main(String[] args) throws Exception {
            try (Instance instance = Instance.noted(() -> Path.of(args[0]), "office")) {
                System.out.println("id " + instance.id());
                System.in.read();
            }
        }
    }

    @Test
    @Timeout(120)
    void aProcessIsReplacedWhenItWasKilledAndNotBefore() throws Exception {
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        OtherProcess.class.getName(),
                        temporary.resolve("state").toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String id;
        try {
            String line = other.inputReader().readLine();
            while (line != null && !line.startsWith("id ")) { // else a line of its log
                line = other.inputReader().readLine();
            }
            assertThat(line).isNotNull();
            id = line.substring("id ".length());
            try (Instance meanwhile = start()) {
                assertThat(meanwhile.replaces()).isEmpty();
            }
        } finally {
            other.destroyForcibly();
            assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        try (Instance next = start()) {
            assertThat(next.replaces()).contains(id);
        }
    }

    @Test
    void theGatewayIsToldWhenTheLinkComesUp() throws Exception {
        Instance first = start();
        first.close();
        try (Instance second = start();
                TestGateway gateway = new TestGateway(second);
                TestGateway.Wire wire = gateway.connect(new FlowMultiplexer(gateway.agent.attachments.get(0)))) {
            ByteBuffer frame = wire.next();
            while (frame.get(0) != Frame.ANNOUNCE) {
                frame = wire.next();
            }
            Announcement.Agent said = Announcement.decode(
                    Unpooled.wrappedBuffer(frame.position(Frame.HEADER_LENGTH)), Announcement.Agent.class);
            assertThat(said.instance()).isEqualTo(second.id());
            assertThat(said.replaces()).containsExactly(first.id());
        }
    }
}
