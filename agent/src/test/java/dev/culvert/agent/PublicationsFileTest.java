package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.policy.publication.Publication;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an agent is to publish, by its options and a file, and how it says so. */
@NullUnmarked
final class PublicationsFileTest {
    private static final Publication A = Publication.parse("a.example=http://10.0.0.1:80");
    private static final Publication B = Publication.parse("b.example=http://10.0.0.1:80");

    @TempDir
    Path dir;

    private Path file;
    private final List<List<Publication>> heard = new ArrayList<>();
    private final List<String> log = new ArrayList<>();

    @BeforeEach
    void name() {
        file = dir.resolve("publications.yaml");
    }

    private PublicationsFile read(String text) throws IOException {
        Files.writeString(file, text);
        return new PublicationsFile(file, List.of(A));
    }

    @Test
    void fileAddsToOptions() throws Exception {
        try (PublicationsFile of = read("publications:\n  - {public: b.example, target: \"http://10.0.0.1:80\"}\n")) {
            assertThat(of.load()).containsExactly(A, B);
        }
        try (PublicationsFile of = read("publications: []")) {
            assertThat(of.load()).containsExactly(A);
        }
    }

    @Test
    void aChangeCountsWhenItRests() throws Exception {
        try (PublicationsFile of = read("publications: []")) {
            of.load();
            of.look(heard::add, false);
            Files.writeString(file, "publications: [\"b.example=http://10.0.0.1:80\"]");
            of.look(heard::add, false);
            assertThat(heard).isEmpty();
            of.look(heard::add, false);
            of.look(heard::add, false);
            assertThat(heard).containsExactly(List.of(A, B));
            Files.writeString(file, "publications: []");
            of.look(heard::add, true); // a signal does not wait
            assertThat(heard).containsExactly(List.of(A, B), List.of(A));
        }
    }

    @Test
    void whatIsWrongChangesNothing() throws Exception {
        try (PublicationsFile of = read("publications: []")) {
            of.load();
            for (String wrong : List.of("publications: [x]", "\0", "publications: [\"a.example=tls://10.0.0.1:80\"]")) {
                Files.writeString(file, wrong);
                of.look(heard::add, false);
                of.look(heard::add, false);
            }
            Files.delete(file);
            of.look(heard::add, true);
            assertThat(heard).isEmpty();
            Files.writeString(file, "publications: [\"b.example=http://10.0.0.1:80\"]");
            of.look(heard::add, false);
            of.look(heard::add, false);
            assertThat(heard).containsExactly(List.of(A, B));
        }
    }

    @Test
    void errorsNameFileLineAndCure() throws Exception {
        assertThatThrownBy(() -> read("publications:\n  - b.example\n").load())
                .isInstanceOf(IOException.class)
                .hasMessage(file + ":2:5: publication 'b.example' leads nowhere; write PUBLIC=TARGET, such as"
                        + " app.example.com=http://192.168.77.10:8080");
        assertThatThrownBy(() ->
                        read("publications: [\"a.example=tls://10.0.0.1:80\"]").load())
                .hasMessage(
                        file + ": 'a.example' is published twice, to tls://10.0.0.1:80 and http://10.0.0.1:80; leave"
                                + " one out");
        assertThatThrownBy(() -> new PublicationsFile(dir.resolve("none"), List.of()).load())
                .hasMessageContaining("none: cannot be read (no such file or directory)");
        assertThatThrownBy(() -> new PublicationsFile(dir, List.of()).load()).hasMessageContaining("no regular file");
        Files.write(file, "publications: [\u00fc]".getBytes(StandardCharsets.ISO_8859_1));
        assertThatThrownBy(() -> new PublicationsFile(file, List.of()).load()).hasMessageContaining("not UTF-8");
        Files.write(file, new byte[PublicationsFile.MAX_BYTES + 1]);
        assertThatThrownBy(() -> new PublicationsFile(file, List.of()).load()).hasMessageContaining("has more than");
        List<Publication> many = IntStream.range(0, 257)
                .mapToObj(i -> Publication.parse("n" + i + ".example=http://10.0.0.1:80"))
                .toList();
        assertThatThrownBy(() -> PublicationsFile.joined(many, List.of())).hasMessageContaining("at most 256");
    }

    @Test
    void whatDoesNotFitTheAnnouncementIsLeftOutAndToldOf() {
        Publishing publishing = new Publishing("the gateway", log::add);
        Announcement.Agent plain = new Announcement.Agent("i", "1", List.of("10.0.0.0/8"), true, List.of("before"));
        publishing.set(List.of(A, B));
        assertThat(publishing.in(plain))
                .isEqualTo(new Announcement.Agent(
                        "i", "1", List.of("10.0.0.0/8"), true, List.of("before"), List.of(A.toString(), B.toString())));
        assertThat(log).isEmpty();
        publishing.set(IntStream.range(0, 256)
                .mapToObj(i -> Publication.parse("n" + i + "." + "x".repeat(60) + "." + "y".repeat(60) + "."
                        + "z".repeat(60) + ".example/" + "p".repeat(100) + "=http://10.0.0.1:80"))
                .toList());
        Announcement.Agent full = publishing.in(plain);
        assertThat(Announcement.encode(full).length).isBetween(Frame.MAX_PAYLOAD - 400, Frame.MAX_PAYLOAD);
        assertThat(log)
                .singleElement()
                .asString()
                .startsWith("publishes only the first " + full.publish().size());
    }

    @Test
    void whatTheGatewayRefusesIsSaidOnceAndWhenItIsOver() {
        Publishing publishing = new Publishing("the gateway", log::add);
        Announcement.Refused refused = new Announcement.Refused("a.example", "somebody has it; ask\u001b");
        publishing.refused(List.of(refused));
        publishing.refused(List.of(refused));
        assertThat(log).containsExactly("the gateway does not publish a.example: somebody has it; ask\\u001b");
        publishing.refused(List.of());
        publishing.refused(List.of());
        assertThat(log).hasSize(2).last().isEqualTo("the gateway publishes all of it now");
        publishing.refused(List.of(refused));
        publishing.linkUp();
        publishing.refused(List.of(refused));
        assertThat(log).hasSize(4);
    }
}
