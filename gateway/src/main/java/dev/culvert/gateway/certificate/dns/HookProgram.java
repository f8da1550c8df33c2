package dev.culvert.gateway.certificate.dns;

import dev.culvert.text.Printable;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.Name;

/**
 * A program of the operator's, run as {@code PROGRAM present|cleanup NAME VALUE} as lego runs it: the name is absolute, with a
 * dot at its end, the exit code 0 means done. It is a group of processes of its own where {@code setsid} is, has no input, and
 * what is left of it when its time is over is killed.
 */
final class HookProgram implements TextRecords {
    private static final Logger log = LoggerFactory.getLogger(HookProgram.class);

    /** More of what it says is read and forgotten. */
    static final int MAX_OUTPUT = 8 * 1024;

    /** Lines of that in the log. */
    private static final int MAX_LINES = 20;

    private static final int MAX_LINE = 300;

    /** For what it still says behind its end; a child that lives on may hold that open for ever. */
    private static final Duration LAST_WORDS = Duration.ofSeconds(2);

    private static final Path SETSID = Path.of("/usr/bin/setsid");
    private static final Path KILL = Path.of("/bin/kill");

    private final Path program;
    private final Duration timeout;

    HookProgram(DnsSettings.Program settings) {
        this.program = settings.path();
        this.timeout = settings.timeout();
    }

    @Override
    public void present(Name name, Name zone, String value) throws IOException, InterruptedException {
        run("present", name, value);
    }

    @Override
    public void cleanUp(Name name, Name zone, String value) throws IOException, InterruptedException {
        run("cleanup", name, value);
    }

    private void run(String what, Name name, String value) throws IOException, InterruptedException {
        boolean grouped = Files.isExecutable(SETSID) && Files.isExecutable(KILL);
        List<String> command = new ArrayList<>();
        if (grouped) {
            command.add(SETSID.toString()); // it becomes the program: its process is the group's first
        }
        command.addAll(List.of(program.toString(), what, name.toString(), value));
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(new File("/dev/null"))
                    .start();
        } catch (IOException e) {
            throw new IOException(program + " cannot be run: " + DnsLookups.words(e), e);
        }
        Output output = new Output(process.getInputStream());
        Thread reader = new Thread(output, "gateway-acme-dns-output");
        reader.setDaemon(true);
        reader.start();
        boolean ended = false;
        try {
            ended = process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS);
        } finally {
            if (!ended) {
                kill(process, grouped);
            }
        }
        reader.join(LAST_WORDS.toMillis());
        List<String> lines = output.lines();
        lines.forEach(line -> log.info("{} {} {}: {}", program.getFileName(), what, name, line));
        String last = lines.isEmpty() ? "" : ": " + lines.get(lines.size() - 1);
        if (!ended) {
            throw new IOException(
                    program + " " + what + " has not ended within " + timeout.toSeconds() + " s and was killed" + last);
        }
        if (process.exitValue() != 0) {
            throw new IOException(program + " " + what + " ended with exit code " + process.exitValue() + last);
        }
    }

    private static void kill(Process process, boolean grouped) {
        List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
        if (grouped) {
            try {
                new ProcessBuilder(KILL.toString(), "-KILL", "--", "-" + process.pid())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
            } catch (IOException e) {
                log.debug("a group of processes was not killed: {}", e.getMessage());
            }
        }
        all.forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /** What a process says: the first of it is kept, the rest is read, so that it does not wait for us. */
    private static final class Output implements Runnable {
        private final InputStream in;
        private final StringBuilder text = new StringBuilder();

        Output(InputStream in) {
            this.in = in;
        }

        @Override
        public void run() {
            byte[] buffer = new byte[1_024];
            try (in) {
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    add(buffer, n);
                }
            } catch (IOException e) {
                log.debug("a program's output ended: {}", e.getMessage());
            }
        }

        private synchronized void add(byte[] bytes, int n) {
            int room = Math.min(n, MAX_OUTPUT - text.length());
            if (room > 0) {
                text.append(new String(bytes, 0, room, StandardCharsets.UTF_8));
            }
        }

        synchronized List<String> lines() {
            return text.toString()
                    .lines()
                    .filter(line -> !line.isBlank())
                    .limit(MAX_LINES)
                    .map(line -> Printable.shorten(line.strip(), MAX_LINE))
                    .toList();
        }
    }

    /** For messages. */
    @Override
    public @Nullable String toString() {
        return program.toString();
    }
}
