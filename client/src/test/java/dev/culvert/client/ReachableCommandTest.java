package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.frame.Announcement;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ReachableCommandTest {
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
}
