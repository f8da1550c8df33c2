package dev.culvert.client.up;

import dev.culvert.command.LineFile;
import dev.culvert.tun.Platform;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;

/**
 * {@code client up --detach}: a process that starts another, shows what that one says, and ends when that one is up, which from
 * then on belongs to no terminal and writes to its log alone. The one in the background is this class's instance; that it
 * is up it says by a NUL at the end of what it prints.
 */
final class Background {
    /** For it to be up: connecting has 15 s itself, and there may be a second gateway. */
    static final Duration PATIENCE = Duration.ofSeconds(40);

    /** Events of a client: some thousands of them. One file more is kept. */
    private static final long MAX_LOG = 1 << 20;

    private static final int OLD_LOGS = 1;

    /** A system property: this process is the one that goes to the background. */
    private static final String HERE = "culvert.background";

    private static final int UP = 0;

    private final LoggedOutput standard;
    private final LoggedOutput errors;
    private final PrintStream out;

    private Background(LineFile file) {
        standard = new LoggedOutput(new FileOutputStream(FileDescriptor.out), file, Clock.systemUTC());
        errors = new LoggedOutput(new FileOutputStream(FileDescriptor.err), file, Clock.systemUTC());
        out = new PrintStream(standard, true, StandardCharsets.UTF_8);
    }

    /** Whether this process is the one that goes. */
    static boolean isHere() {
        return Boolean.getBoolean(HERE);
    }

    // ---- the process that stays ----

    /**
     * Starts this program again, and waits until that one is up or has failed.
     *
     * @param mainClass of this program
     * @return the exit code
     */
    static int start(String mainClass, OutputStream shown) throws IOException, InterruptedException {
        List<String> own = List.of(Files.readString(Path.of("/proc/self/cmdline"), StandardCharsets.UTF_8)
                .split("\0", -1));
        Process process = new ProcessBuilder(again(own.subList(0, own.size() - 1), mainClass))
                .redirectInput(ProcessBuilder.Redirect.INHERIT)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        Thread withUs = new Thread(process::destroy, "stop");
        Runtime.getRuntime().addShutdownHook(withUs);
        int code = follow(process, shown);
        try {
            Runtime.getRuntime().removeShutdownHook(withUs);
        } catch (IllegalStateException e) {
            return code; // we were told to end at that very moment, and it with us
        }
        return code;
    }

    /** The command line of the other: this one's, as that of one that goes, and has no terminal to draw on. */
    static List<String> again(List<String> own, String mainClass) throws IOException {
        int main = own.indexOf(mainClass);
        if (main < 1) {
            throw new IOException("--detach: it cannot be told how this program was started; use your shell's &");
        }
        List<String> line = new ArrayList<>(own.subList(0, main));
        line.add("-D" + HERE + "=true");
        line.add("-Dculvert.terminal=false");
        line.addAll(own.subList(main, own.size()));
        return line;
    }

    /** Shows what it says, until it says that it is up. */
    static int follow(Process process, OutputStream shown) throws IOException, InterruptedException {
        try (InputStream said = process.getInputStream()) {
            for (int b = said.read(); b >= 0; b = said.read()) {
                if (b == UP) {
                    shown.flush();
                    return CommandLine.ExitCode.OK;
                }
                shown.write(b);
            }
        }
        shown.flush();
        int code = process.waitFor();
        return code == CommandLine.ExitCode.OK ? CommandLine.ExitCode.SOFTWARE : code; // ended before it was up
    }

    // ---- the process that goes ----

    /**
     * From now on all that this process says is in its log, too.
     *
     * @param log in a directory that there is
     * @param program whose errors these are
     */
    static Background begin(Path log, CommandLine program) throws IOException {
        Background here;
        try {
            here = new Background(new LineFile(log, MAX_LOG, OLD_LOGS));
        } catch (IOException e) {
            throw new IOException("--detach: its log " + log + " cannot be written (" + e.getMessage() + ")", e);
        }
        PrintStream err = new PrintStream(here.errors, true, StandardCharsets.UTF_8);
        System.setOut(here.out);
        System.setErr(err);
        program.setErr(new PrintWriter(err, true, StandardCharsets.UTF_8));
        return here;
    }

    /** What is said here is shown until it is up, and logged. */
    PrintStream out() {
        return out;
    }

    /** It is up: whoever started it may go, and so may the terminal. */
    void go() throws IOException {
        standard.leaveTerminal();
        errors.leaveTerminal();
        Platform.leaveTerminal();
        try (FileOutputStream starter = new FileOutputStream(FileDescriptor.out)) {
            starter.write(UP);
        }
        // The JVM puts /dev/null in the place of the three that are closed, so that no file gets their numbers.
        new FileOutputStream(FileDescriptor.err).close();
        new FileInputStream(FileDescriptor.in).close();
    }
}
