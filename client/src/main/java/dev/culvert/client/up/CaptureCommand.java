package dev.culvert.client.up;

import dev.culvert.command.Shutdown;
import dev.culvert.command.control.ControlClient;
import dev.culvert.text.FileError;
import dev.culvert.text.Printable;
import dev.culvert.token.holder.HolderStateOption;
import dev.culvert.tun.capture.CaptureFile;
import dev.culvert.tun.capture.PacketFilter;
import dev.culvert.tun.capture.Pcap;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;

/** {@code client capture}. */
@Command(
        name = "capture",
        description = {
            "Writes the packets that applications and the client that is up exchange, as pcap, until Ctrl-C.",
            "It is asked for on the client's control socket; see 'client up --control-socket'. Whoever may ask there sees what is"
                    + " in them."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footer = {
            "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 3 no client is up.",
            "",
            "Examples:",
            "  client capture -w all.pcap",
            "  client capture --flow tcp:10.77.0.5:5432 -w - | tshark -r -",
            "  client capture --flow icmp --flow udp:*:53 -w some.pcap"
        })
public final class CaptureCommand implements Callable<Integer> {
    /** To be told how much there was, and close the file. */
    private static final Duration SHUTDOWN = Duration.ofSeconds(5);

    /** For what is on its way when it is to end. */
    private static final Duration LAST_PACKETS = Duration.ofSeconds(2);

    /** Of a pipe that nobody reads any more. */
    private static final String NO_READER = "Broken pipe";

    private final OutputStream standardOutput;
    private final Function<Duration, Shutdown> shutdown;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "-w",
            paramLabel = "FILE",
            required = true,
            description = "Where to; it is made anew, for you alone. '-' for standard output.")
    String file = "";

    @Option(
            names = "--flow",
            paramLabel = "FILTER",
            description =
                    "Only these packets, and ICMP errors about them: [tcp:|udp:|icmp:]HOST[:PORT], where HOST is an address, a network or *, and IPv6 is in brackets; or a protocol alone. Repeatable: what one of them lets through.")
    List<String> flows = new ArrayList<>();

    @Option(
            names = "--length",
            paramLabel = "BYTES",
            description = "Of each packet at most so many bytes, 64 to 262144. Default: all.")
    int length = Pcap.MAX_SNAP_LENGTH;

    @Option(
            names = "--control-socket",
            paramLabel = "FILE",
            description = "Socket on which the running client answers, when it was given that option too.")
    @Nullable
    Path socket;

    @Mixin
    HolderStateOption state = new HolderStateOption();

    /** Used by picocli. */
    public CaptureCommand() {
        this(standardOutput(), Shutdown::new);
    }

    CaptureCommand(OutputStream standardOutput, Function<Duration, Shutdown> shutdown) {
        this.standardOutput = standardOutput;
        this.shutdown = shutdown;
    }

    /** Not System.out, which does not say that its reader has gone, or that its disk is full. */
    static OutputStream standardOutput() {
        return new FileOutputStream(FileDescriptor.out);
    }

    @Override
    public Integer call() throws Exception {
        CaptureOptions.check(spec, "--length", length);
        for (String flow : flows) {
            try {
                PacketFilter.parse(flow);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--flow " + e.getMessage());
            }
        }
        boolean standard = file.equals("-");
        if (standard && Boolean.getBoolean("culvert.terminal")) {
            throw new ParameterException(
                    spec.commandLine(),
                    "-w -: packets are not for a terminal; pipe them into tshark -r -, or name a file");
        }
        ControlClient client = new ControlClient(
                spec.root().name(), socket == null ? ClientStatusCommand.places(state) : List.of(socket));
        Shutdown stop = shutdown.apply(SHUTDOWN);
        CompletableFuture<Void> copied = new CompletableFuture<>();
        try (ControlClient.Answered packets = client.open("capture", Map.of("flows", flows, "length", length))) {
            JsonNode id = packets.answer().path("capture");
            CompletableFuture<Void> said = stop.asked().thenRunAsync(() -> end(client, id, packets, copied));
            boolean read = true;
            try {
                if (standard) {
                    read = isRead(packets);
                } else {
                    write(packets);
                }
            } finally {
                copied.complete(null);
            }
            if (stop.asked().isDone()) {
                said.join();
            } else if (read) {
                say("the client has ended it");
            }
            return CommandLine.ExitCode.OK;
        } catch (ControlClient.NotRunningException e) {
            say(String.valueOf(e.getMessage()));
            return dev.culvert.command.control.AskOptions.NOT_RUNNING;
        } finally {
            stop.done();
        }
    }

    /** Copies to standard output; false when its reader has seen enough, which is as good an end as any. */
    private boolean isRead(ControlClient.Answered packets) throws IOException {
        try {
            packets.copyTo(standardOutput);
            return true;
        } catch (IOException e) {
            if (FileError.reason(e).startsWith(NO_READER)) {
                return false;
            }
            throw cut(e);
        }
    }

    private void write(ControlClient.Answered packets) throws IOException {
        OutputStream out = CaptureFile.create(Path.of(file));
        say("writing to " + file + "; Ctrl-C ends it");
        try (out) {
            packets.copyTo(out);
        } catch (IOException e) {
            throw cut(e);
        }
    }

    private IOException cut(IOException e) {
        return new IOException(
                "-w " + file + ": the capture has ended early: " + FileError.reason(e) + "; "
                        + FileError.cure(e, "name another file"),
                e);
    }

    /** The client says what it still has, and ends the answer. */
    private void end(
            ControlClient client, JsonNode id, ControlClient.Answered packets, CompletableFuture<Void> copied) {
        try (packets) {
            JsonNode counts = client.ask("capture-end", Map.of("capture", id.asInt(0)));
            boolean all = isDoneSoon(copied);
            long dropped = counts.path("dropped").asLong(0);
            say((counts.path("taken").asLong(0) - dropped) + " packets"
                    + (dropped == 0 ? "" : ", and " + dropped + " more that were not taken as fast as they came")
                    + (all ? "" : "; not all of them could be written in " + LAST_PACKETS.toSeconds() + " s"));
        } catch (IOException e) {
            say(String.valueOf(e.getMessage()));
        }
    }

    private static boolean isDoneSoon(CompletableFuture<Void> copied) {
        try {
            copied.get(LAST_PACKETS.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (ExecutionException | TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void say(String line) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(spec.root().name() + ": " + Printable.line(line));
        err.flush();
    }
}
