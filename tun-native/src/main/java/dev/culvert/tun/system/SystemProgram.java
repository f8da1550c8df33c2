package dev.culvert.tun.system;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A program of the system that is run for a moment. Blocks. */
public final class SystemProgram {
    /** A D-Bus service may have to be started first; one that hangs must not hold up the client's end. */
    static final Duration DEADLINE = Duration.ofSeconds(5);

    /** Of what it says. */
    private static final int MAX_OUTPUT = 64 << 10;

    /** By whom programs are run. */
    public interface Runner {
        /** As {@link SystemProgram#run(String, List)}. */
        Result run(String input, List<String> line) throws IOException;

        /** As {@link #run}; it must succeed. */
        default String must(String input, List<String> line) throws IOException {
            return run(input, line).must(String.join(" ", line));
        }
    }

    private SystemProgram() {}

    /** How it ended, and what it said, both streams. */
    public record Result(int exit, String output) {
        public boolean succeeded() {
            return exit == 0;
        }

        /**
         * What it said.
         *
         * @param line that was run, for people
         * @throws IOException if it has not succeeded
         */
        public String must(String line) throws IOException {
            if (!succeeded()) {
                throw new IOException(line + " ended with " + exit + ": " + Printable.line(output.strip()));
            }
            return output;
        }
    }

    /**
     * Runs it.
     *
     * @param input what it reads
     * @throws IOException in one line, if there is no such program, or it takes too long
     */
    public static Result run(String input, List<String> line) throws IOException {
        return run(input, line, DEADLINE);
    }

    /** As {@link #run(String, List)}, with another deadline. */
    public static Result run(String input, List<String> line, Duration deadline) throws IOException {
        Process process;
        try {
            process = new ProcessBuilder(line).redirectErrorStream(true).start();
        } catch (IOException e) {
            throw new IOException("run " + line.get(0) + ": there is no such program here, or it cannot be run", e);
        }
        CompletableFuture<String> output = new CompletableFuture<>();
        Thread reader = new Thread(
                () -> {
                    try (InputStream said = process.getInputStream()) {
                        byte[] bytes = said.readNBytes(MAX_OUTPUT);
                        said.transferTo(OutputStream.nullOutputStream());
                        output.complete(new String(bytes, StandardCharsets.UTF_8));
                    } catch (IOException e) {
                        output.completeExceptionally(e);
                    }
                },
                "output of " + line.get(0));
        reader.setDaemon(true);
        reader.start();
        try {
            try (OutputStream in = process.getOutputStream()) {
                in.write(input.getBytes(StandardCharsets.UTF_8)); // a few lines: they fit a pipe
            } catch (IOException e) {
                // it has ended without reading, and its exit code says why
            }
            if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new IOException(String.join(" ", line) + ": no answer within " + deadline.toSeconds() + " s");
            }
            return new Result(process.exitValue(), output.get(deadline.toMillis(), TimeUnit.MILLISECONDS));
        } catch (ExecutionException | TimeoutException e) {
            throw new IOException(String.join(" ", line) + ": what it says cannot be read", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(String.join(" ", line) + ": interrupted", e);
        } finally {
            process.destroyForcibly();
        }
    }
}
