package dev.culvert.text.logback;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.util.LogbackMDCAdapter;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

final class LogSetupTest {
    /** Written another way than the code: by the regular expressions' names of the categories. */
    private static final Pattern UNSEEN = Pattern.compile("[\\p{C}\\p{Zl}\\p{Zp}]|(?! )\\p{Zs}");

    /** As the programs log. */
    @Test
    void noLogMessageAndNoExceptionForgesALine() throws Exception {
        String evil = "office\r\n12:00:00.000 INFO  all is well\u001b]0;x\u0007\u009b2J\u202e";
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream before = System.err;
        LoggerContext context = new LoggerContext();
        context.setMDCAdapter(new LogbackMDCAdapter());
        try {
            System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
            LogSetup.setUp(context, Level.INFO);
            IllegalStateException thrown = new IllegalStateException(evil, new RuntimeException(evil));
            thrown.addSuppressed(new RuntimeException(evil));
            context.getLogger("test").warn("agent {} said {}", evil, evil, thrown);
            context.getLogger("test").warn("x".repeat(1 << 20));
        } finally {
            context.stop();
            System.setErr(before);
        }
        String log = bytes.toString(StandardCharsets.UTF_8);
        assertThat(log.lines().toList())
                .allMatch(line -> !UNSEEN.matcher(line.replace("\t", "")).find());
        assertThat(log.lines().filter(line -> line.startsWith("12:00:00.000 INFO")))
                .isEmpty();
        assertThat(log.lines().filter(line -> line.matches("\\d\\d:\\d\\d:\\d\\d\\.\\d{3} WARN  (agent|xxx).*")))
                .hasSize(2);
        assertThat(log)
                .contains("agent office\\u000d\\u000a12:00")
                .contains("Caused by: ")
                .contains("Suppressed: ");
        assertThat(log.length()).isLessThan(32 << 10);
    }
}
