package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.uplink.Uplink;
import dev.culvert.tun.device.TunStats;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class StatusLineTest {
    private int columns = 200;
    private long now = Long.MAX_VALUE - 1; // nanoTime may overflow
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    private String written() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static final TunStats NOTHING = bytes(0, 0);
    private static final TunStats MUCH = bytes(5_000_000, 2_000_000_000L);

    private static TunStats bytes(long in, long out) {
        return new TunStats(0, in, 0, 0, out, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    private static TunSession.Status status(boolean linked) {
        return status(linked, "gateway is gone", Map.of("office", 1));
    }

    private static TunSession.Status status(boolean linked, String trouble, Map<String, Integer> agents) {
        return new TunSession.Status(new Uplink.Status(linked, trouble, 2_300, agents), 3, 2, 1, 0);
    }

    @Test
    void offATerminalThereAreEventsOnly() {
        StatusLine line = new StatusLine(out, false, () -> columns, () -> now);
        line.show(status(true), MUCH);
        line.say("connected");
        line.end();
        assertThat(written()).isEqualTo("client: connected" + System.lineSeparator());
    }

    @Test
    void onATerminalTheLineStaysBelowTheEvents() {
        StatusLine line = new StatusLine(out, true, () -> columns, () -> now);
        line.show(status(true), MUCH);
        assertThat(written()).contains("2.3 ms office | 3 tcp 2 udp 1 ping").contains("total 5.0 MB / 2.00 GB");
        int mark = written().length();
        line.say("event");
        String after = written().substring(mark);
        assertThat(after).startsWith("\r\033[Kclient: event").endsWith("2.00 GB\033[?7h");
        line.end();
        assertThat(written()).endsWith("\r\033[K");
    }

    /** Between two looks, whatever time lies between them. */
    @Test
    void ratesAreOfTheTimeSinceItWasLastShown() {
        StatusLine line = new StatusLine(out, true, () -> columns, () -> now);
        now += Duration.ofSeconds(2).toNanos();
        line.show(status(true), bytes(1_000_000, 5_000_000));
        assertThat(written()).contains("up 00:00:02", "up 4.0 Mbit/s down 20.0 Mbit/s");
        bytes.reset();
        now += Duration.ofMinutes(61).toNanos();
        line.show(status(true), bytes(1_000_000, 462_500_000));
        assertThat(written()).contains("up 01:01:02", "up 0 kbit/s down 1.0 Mbit/s");
    }

    @Test
    void whatPeersSayMovesNoCursorAndBeginsNoLine() {
        String evil = "office\r\nclient: all is well\u001b]0;x\u0007\u009b2J\u202e";
        StatusLine line = new StatusLine(out, true, () -> columns, () -> now);
        line.say("agent '" + evil + "' is connected");
        line.show(status(true, "", Map.of(evil, 1)), NOTHING);
        line.show(status(false, evil, Map.of()), NOTHING);
        assertThat(written().replaceAll("\r\033\\[K|\033\\[\\?7[lh]", "").replace(System.lineSeparator(), "~"))
                .doesNotContainPattern("\\p{C}")
                .doesNotContain("~client: all is well")
                .contains("office\\u000d\\u000aclient: all is well\\u001b]0;x\\u0007\\u009b2J\\u202e");
    }

    @Test
    void theLineHasRoomInAnyTerminal() {
        Map<String, Integer> agents = new java.util.TreeMap<>();
        for (int i = 0; i < 40; i++) {
            agents.put("agent-with-a-long-name-" + i, i % 2);
        }
        TunSession.Status many = status(true, "", agents);
        TunSession.Status lost = status(false, "cannot reach 北京 " + "x".repeat(300), agents);
        StatusLine line = new StatusLine(out, true, () -> columns, () -> now);
        for (TunSession.Status status : List.of(status(true), many, lost)) {
            for (columns = 1; columns < 200; columns++) {
                bytes.reset();
                line.show(status, MUCH);
                String shown = written().replaceAll("\r\033\\[K|\033\\[\\?7[lh]", "");
                assertThat(shown.codePoints().map(c -> c > 0x3000 ? 2 : 1).sum())
                        .as("%s in %d", shown, columns)
                        .isLessThanOrEqualTo(Math.max(columns - 1, 0));
            }
        }
        columns = 80;
        line.show(status(true), MUCH);
        bytes.reset();
        line.show(status(true), MUCH);
        assertThat(written())
                .contains("2.3 ms office | 3 tcp 2 udp 1 ping | up 0 kbit/s down 0 kbit/s")
                .doesNotContain("total");
    }

    @Test
    void aLostLinkIsShownWithItsReason() {
        new StatusLine(out, true, () -> columns, () -> now).show(status(false), NOTHING);
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
