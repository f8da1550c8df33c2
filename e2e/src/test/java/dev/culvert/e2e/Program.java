package dev.culvert.e2e;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A process of the lab's, whose output goes to a file. */
final class Program implements AutoCloseable {
    /** Going down in order takes the client at most 15 s. */
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private final String name;
    private final Process process;
    private final Path log;

    Program(String name, Process process, Path log) {
        this.name = name;
        this.process = process;
        this.log = log;
    }

    String name() {
        return name;
    }

    long pid() {
        return process.pid();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** All that it has written so far, both streams. */
    String output() {
        try {
            return new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until the output holds {@code text}. */
    void awaitOutput(String text, Duration deadline) {
        awaitOutputAfter(0, text, deadline);
    }

    /** Waits until the output holds {@code text} behind its first {@code mark} characters. */
    void awaitOutputAfter(int mark, String text, Duration deadline) {
        awaitTrue(name + " to say '" + text + "'", deadline, () -> {
            String output = output();
            if (output.indexOf(text, mark) >= 0) {
                return true;
            }
            if (!process.isAlive() && output().indexOf(text, mark) < 0) {
                throw new IllegalStateException(
                        name + " ended with " + process.exitValue() + " and has not said '" + text + "':\n" + output());
            }
            return false;
        });
    }

    /** Where {@link #awaitOutputAfter} shall begin to look for what comes from now on. */
    int mark() {
        return output().length();
    }

    private static void awaitTrue(String what, Duration deadline, Callable<Boolean> condition) {
        await(what).atMost(deadline).pollInterval(Duration.ofMillis(50)).until(condition);
    }

    void input(String text) throws IOException {
        process.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
    }

    /** It reads no more than it has. */
    void endInput() throws IOException {
        process.getOutputStream().close();
    }

    /** The exit code, or a failure when it does not end in time. */
    int exitWithin(Duration deadline) throws InterruptedException {
        if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new AssertionError(name + " still runs after " + deadline + ":\n" + output());
        }
        return process.exitValue();
    }

    /** As Ctrl-C does, but to this process only. */
    int interrupt() throws IOException, InterruptedException {
        signal("INT");
        return exitWithin(PATIENCE);
    }

    /** Stops the process, as a suspended machine stops all of them, and lets it go on after {@code time}. */
    void standStill(Duration time) throws IOException, InterruptedException {
        signal("STOP");
        try {
            await().pollDelay(time).atMost(time.plus(PATIENCE)).until(() -> true);
        } finally {
            signal("CONT");
        }
    }

    /** Sends a signal, and does not wait for what comes of it. */
    void signal(String name) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-" + name, Long.toString(pid())).start().waitFor();
    }

    /** SIGTERM, and the exit code. */
    int terminate() throws InterruptedException {
        process.destroy();
        return exitWithin(PATIENCE);
    }

    /** SIGKILL. */
    void kill() throws InterruptedException {
        process.destroyForcibly();
        exitWithin(PATIENCE);
    }

    int descriptors() throws IOException {
        try (var entries = Files.list(Path.of("/proc/" + pid() + "/fd"))) {
            return (int) entries.count();
        }
    }

    long residentKilobytes() throws IOException {
        return status("VmRSS");
    }

    /** The most that it has ever had resident. */
    long mostResidentKilobytes() throws IOException {
        return status("VmHWM");
    }

    private long status(String field) throws IOException {
        Path file = Path.of("/proc/" + pid() + "/status");
        Matcher m = Pattern.compile("^" + field + ":\\s+(\\d+) kB", Pattern.MULTILINE)
                .matcher(Files.readString(file));
        if (!m.find()) {
            throw new IOException("no " + field + " in " + file);
        }
        return Long.parseLong(m.group(1));
    }

    /** How many objects of a class of a Java program are alive, after a full collection. */
    long instances(String className) throws IOException, InterruptedException {
        Path jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd");
        Process p = new ProcessBuilder(jcmd.toString(), Long.toString(pid()), "GC.class_histogram")
                .redirectErrorStream(true)
                .start();
        String histogram = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (p.waitFor() != 0 || !histogram.contains("#instances")) {
            throw new IOException("jcmd " + pid() + " GC.class_histogram: " + histogram);
        }
        Matcher m = Pattern.compile(
                        "^\\s*\\d+:\\s+(\\d+)\\s+\\d+\\s+" + Pattern.quote(className) + "(\\s|$)", Pattern.MULTILINE)
                .matcher(histogram);
        return m.find() ? Long.parseLong(m.group(1)) : 0;
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(PATIENCE.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
