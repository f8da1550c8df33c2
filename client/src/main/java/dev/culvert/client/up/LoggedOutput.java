package dev.culvert.client.up;

import dev.culvert.command.LineFile;
import dev.culvert.text.LogFormat;
import dev.culvert.text.LogLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/** Output of a process that is going to the background: each line, with its time, in a file; and on a terminal while there is one. */
final class LoggedOutput extends OutputStream {
    /** Longer than any line of ours; what has no end is cut. */
    static final int MAX_LINE = 16 << 10;

    private final LineFile file;
    private final Clock clock;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private @Nullable OutputStream terminal;
    private long lost;

    LoggedOutput(OutputStream terminal, LineFile file, Clock clock) {
        this.terminal = terminal;
        this.file = file;
        this.clock = clock;
    }

    /** From now on only the file has it. */
    synchronized void leaveTerminal() {
        terminal = null;
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public synchronized void write(byte[] bytes, int from, int length) throws IOException {
        for (int i = from; i < from + length; i++) {
            if (bytes[i] != '\n') {
                line.write(bytes[i]);
            }
            if (bytes[i] == '\n' || line.size() >= MAX_LINE) {
                log();
            }
        }
        if (terminal != null) {
            terminal.write(bytes, from, length);
            terminal.flush();
        }
    }

    private void log() {
        String more = lost == 0 ? "" : "(" + lost + " lines before this could not be written) ";
        // Lines of JSON have their time; how many were lost is a line of its own then.
        String before = LogFormat.current() == LogFormat.TEXT
                ? clock.instant().truncatedTo(ChronoUnit.SECONDS) + " " + more
                : more.isEmpty() ? "" : new LogLine(clock.instant(), "WARN", "client", more.strip()) + "\n";
        byte[] time = before.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer whole = ByteBuffer.allocate(time.length + line.size() + 1);
        whole.put(time).put(line.toByteArray()).put((byte) '\n').flip();
        line.reset();
        try {
            file.write(whole);
            lost = 0;
        } catch (IOException e) {
            lost++; // the disk is full, perhaps; who is in the background has nobody to tell, and the next may have
            // room
        }
    }
}
