package dev.culvert.client.forward;

import dev.culvert.client.uplink.JoinOptions;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.RunningUplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.token.ClientToken;
import dev.culvert.token.holder.HolderOptions;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** A client that serves applications of this machine until it is told to end. */
public final class Service {
    /** On a signal it ends within this. */
    private static final Duration SHUTDOWN = Duration.ofSeconds(5);

    /** Lines about connections that lead nowhere: so many at once, then so many a second. */
    public static final int LINES = 16;

    public static final double LINES_PER_SECOND = 1;

    /** Opens what applications come in by, and says where that is. */
    public interface Opening {
        /**
         * Blocks.
         *
         * @param running not started yet
         * @return closed when the client ends
         */
        Closeable open(RunningUplink running, Voice voice) throws Exception;
    }

    private Service() {}

    /**
     * Runs until a signal comes, or the gateway refuses the token. What happens is said on standard output.
     *
     * @param profile under which the token is kept; null for the last that was logged in with
     * @param wanted what the holder of a token wants to have routed
     * @param join whether it goes through a client that is up
     * @return the exit code
     */
    public static int run(
            HolderOptions options,
            @Nullable String profile,
            Function<ClientToken, RouteTable.Wanted> wanted,
            JoinOptions join,
            Opening opening)
            throws Exception {
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (RunningUplink running = RunningUplink.open(options, profile, wanted, join, Service::say)) {
            Closeable doors = opening.open(running, Service::say);
            try {
                CompletableFuture<Throwable> failed = running.uplink().failed();
                running.uplink().start(routes -> {});
                CompletableFuture.anyOf(failed, stop.asked()).join();
                Throwable cause = failed.getNow(null);
                if (cause != null) {
                    throw new IOException(cause.getMessage(), cause);
                }
                return CommandLine.ExitCode.OK;
            } finally {
                doors.close();
            }
        } finally {
            stop.done();
        }
    }

    private static synchronized void say(String line) {
        System.out.println(Program.line("client", "INFO", line));
        System.out.flush();
    }
}
