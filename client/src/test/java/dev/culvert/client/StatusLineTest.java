package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.Announcement;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class StatusLineTest {
    private int columns = 200;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    private String written() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static ClientSession.Status status(boolean linked) {
        return new ClientSession.Status(
                linked, "gateway is gone", 2_300, Map.of("office", 1), Set.of(), 3, 2, 1, 0, 5_000_000, 2_000_000_000L);
    }

    @Test
    void offATerminalThereAreEventsOnly() {
        StatusLine line = new StatusLine(out, false, () -> columns);
        line.show(status(true));
        line.say("connected");
        line.end();
        assertThat(written()).isEqualTo("client: connected" + System.lineSeparator());
    }

    @Test
    void onATerminalTheLineStaysBelowTheEvents() {
        StatusLine line = new StatusLine(out, true, () -> columns);
        line.show(status(true));
        assertThat(written()).contains("2.3 ms office | 3 tcp 2 udp 1 ping").contains("total 5.0 MB / 2.00 GB");
        int mark = written().length();
        line.say("event");
        String after = written().substring(mark);
        assertThat(after).startsWith("\r\033[Kclient: event").endsWith("2.00 GB\033[?7h");
        line.end();
        assertThat(written()).endsWith("\r\033[K");
    }

    @Test
    void whatPeersSayMovesNoCursorAndBeginsNoLine() {
        String evil = "office\r\nclient: all is well\u001b]0;x\u0007\u009b2J\u202e";
        StatusLine line = new StatusLine(out, true, () -> columns);
        line.say("agent '" + evil + "' is connected");
        line.show(new ClientSession.Status(true, "", 1, Map.of(evil, 1), Set.of(), 0, 0, 0, 0, 0, 0));
        line.show(new ClientSession.Status(false, evil, 1, Map.of(), Set.of(), 0, 0, 0, 0, 0, 0));
        assertThat(written().replaceAll("\r\033\\[K|\033\\[\\?7[lh]", "").replace(System.lineSeparator(), "~"))
                .doesNotContainPattern("\\p{C}")
                .doesNotContain("~client: all is well")
                .contains("office\\u000d\\u000aclient: all is well\\u001b]0;x\\u0007\\u009b2J\\u202e");
    }

    @Test
    void listShowsAnnouncedTextAsText() {
        String evil = "a\r\n\u001b[2J\u202e\u2028";
        StringWriter list = new StringWriter();
        ReachableCommand.print(new Announcement.Reachable(evil, List.of()), new PrintWriter(list));
        ReachableCommand.print(
                new Announcement.Reachable(
                        "laptop",
                        List.of(new Announcement.ReachableAgent(
                                evil,
                                1,
                                List.of(evil),
                                List.of(new Announcement.ReachableService(evil, List.of(evil), evil))))),
                new PrintWriter(list));
        assertThat(list.toString().lines()).hasSize(4);
        assertThat(list.toString().replace(System.lineSeparator(), "")).doesNotContainPattern("[\\p{C}\\p{Zl}]");
    }

    @Test
    void theLineHasRoomInAnyTerminal() {
        Map<String, Integer> agents = new java.util.TreeMap<>();
        for (int i = 0; i < 40; i++) {
            agents.put("agent-with-a-long-name-" + i, i % 2);
        }
        ClientSession.Status many =
                new ClientSession.Status(true, "", 2_300, agents, Set.of(), 3, 2, 1, 0, 5_000_000, 2_000_000_000L);
        ClientSession.Status lost = new ClientSession.Status(
                false, "cannot reach 北京 " + "x".repeat(300), 0, agents, Set.of(), 0, 0, 0, 0, 0, 0);
        StatusLine line = new StatusLine(out, true, () -> columns);
        for (ClientSession.Status status : List.of(status(true), many, lost)) {
            for (columns = 1; columns < 200; columns++) {
                bytes.reset();
                line.show(status);
                String shown = written().replaceAll("\r\033\\[K|\033\\[\\?7[lh]", "");
                assertThat(shown.codePoints().map(c -> c > 0x3000 ? 2 : 1).sum())
                        .as("%s in %d", shown, columns)
                        .isLessThanOrEqualTo(Math.max(columns - 1, 0));
            }
        }
        columns = 80;
        line.show(status(true));
        bytes.reset();
        line.show(status(true));
        assertThat(written())
                .contains("2.3 ms office | 3 tcp 2 udp 1 ping | up 0 kbit/s down 0 kbit/s")
                .doesNotContain("total");
    }

    @Test
    void aLostLinkIsShownWithItsReason() {
        new StatusLine(out, true, () -> columns).show(status(false));
        assertThat(written()).contains("DOWN").contains("gateway is gone").doesNotContain("2.3 ms");
    }

    @Test
    void figuresHaveTheUnitsThatPeopleRead() {
        assertThat(StatusLine.rate(999_499)).isEqualTo("999 kbit/s");
        assertThat(StatusLine.rate(1_500_000)).isEqualTo("1.5 Mbit/s");
        assertThat(StatusLine.rate(2e9)).isEqualTo("2.00 Gbit/s");
        assertThat(StatusLine.bytes(999_999)).isEqualTo("999 kB");
        assertThat(StatusLine.bytes(1_000_000)).isEqualTo("1.0 MB");
        assertThat(StatusLine.bytes(3_210_000_000L)).isEqualTo("3.21 GB");
    }
}
