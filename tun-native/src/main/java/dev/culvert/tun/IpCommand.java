package dev.culvert.tun;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Runs {@code ip} (iproute2) without a shell, with a time limit, and makes its complaints one line. */
class IpCommand {
    /** A netlink request takes milliseconds; one that hangs must not hang us. */
    static final int TIMEOUT_SECONDS = 10;

    /** More than any answer that is asked for here: a full table of a border router is not read. */
    private static final int MAX_OUTPUT_BYTES = 32 << 20;

    private static final Pattern BATCH_FAILURE = Pattern.compile("Command failed .*:(\\d+)");

    private final List<String> program;

    IpCommand() {
        this("ip");
    }

    IpCommand(String... program) {
        this.program = List.of(program);
    }

    /** What a command did; {@code error} is one line. */
    record Result(int status, String output, String error) {
        boolean ok() {
            return status == 0;
        }
    }

    /** Runs {@code ip} with the arguments; a status other than 0 is a result. */
    Result run(List<String> arguments) throws IOException {
        return run(arguments, null);
    }

    /** Runs {@code ip} and returns its output, or throws with what was wanted and what it said. */
    String require(String operation, List<String> arguments) throws IOException {
        Result result = run(arguments);
        if (!result.ok()) {
            throw failure(operation, result.error());
        }
        return result.output();
    }

    /** Runs each line; returns the reasons of those that failed by their index from 0. */
    Map<Integer, String> batch(List<String> lines) throws IOException {
        String input = String.join("\n", lines) + "\n";
        Result result = run(List.of("-force", "-batch", "-"), input);
        Map<Integer, String> failures = new TreeMap<>();
        if (result.ok()) {
            return failures;
        }
        String reason = "";
        for (String line : result.error().split("; ")) {
            Matcher matcher = BATCH_FAILURE.matcher(line);
            if (matcher.matches()) {
                failures.put(Integer.parseInt(matcher.group(1)) - 1, reason);
                reason = "";
            } else {
                reason = reason.isEmpty() ? line : reason + ", " + line;
            }
        }
        if (failures.isEmpty()) {
            throw failure("run " + lines.size() + " ip commands", result.error());
        }
        return failures;
    }

    static HostNetworkException failure(String operation, String reason) {
        String remedy = reason.contains("Operation not permitted")
                ? "; run as root (CAP_NET_ADMIN)"
                : reason.contains("Network is unreachable") || reason.contains("No route to host")
                        ? "; connect this machine to a network first"
                        : "";
        return new HostNetworkException(operation + ": " + reason + remedy);
    }

    private Result run(List<String> arguments, @Nullable String input) throws IOException {
        List<String> line = new ArrayList<>(program);
        line.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(line);
        // Reasons are matched as text.
        builder.environment().put("LC_ALL", "C");
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new HostNetworkException(
                    "run " + program.get(0) + ": " + e.getMessage() + "; install iproute2 and have it in PATH");
        }
        Drain error = new Drain(process.getErrorStream());
        Drain output = new Drain(process.getInputStream());
        Thread feeder = daemon("ip-input", () -> feed(process.getOutputStream(), input));
        error.start();
        output.start();
        feeder.start();
        try {
            if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                throw new HostNetworkException("run " + String.join(" ", line) + ": no end after " + TIMEOUT_SECONDS
                        + " s; see whether it works by hand");
            }
            String text = output.text();
            String complaint = String.join("; ", error.text().strip().split("\\s*\n\\s*"));
            return new Result(process.exitValue(), text, complaint);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("run " + String.join(" ", line) + ": interrupted");
        } finally {
            process.destroyForcibly();
        }
    }

    private static void feed(OutputStream stream, @Nullable String input) {
        try (OutputStream out = stream) {
            if (input != null) {
                out.write(input.getBytes(StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            // The program ended before it read everything, which its status and complaint tell.
            return;
        }
    }

    private static Thread daemon(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        return thread;
    }

    /** Reads a stream beside the program, which would else wait for room in the pipe. */
    private static final class Drain {
        private final Thread thread;
        private volatile byte[] bytes = new byte[0];

        Drain(InputStream stream) {
            thread = daemon("ip-output", () -> {
                try (InputStream in = stream) {
                    bytes = in.readNBytes(MAX_OUTPUT_BYTES);
                } catch (IOException e) {
                    // Killed: the caller reports the time limit.
                    bytes = new byte[0];
                }
            });
        }

        void start() {
            thread.start();
        }

        String text() throws InterruptedException {
            thread.join(TimeUnit.SECONDS.toMillis(TIMEOUT_SECONDS));
            return new String(bytes, StandardCharsets.UTF_8);
        }
    }
}
