package dev.culvert.client.up;

import dev.culvert.command.Shutdown;
import dev.culvert.command.control.ControlClient;
import dev.culvert.text.Printable;
import dev.culvert.token.holder.HolderStateOption;
import dev.culvert.tun.capture.CaptureFile;
import dev.culvert.tun.capture.PacketFilter;
import dev.culvert.tun.capture.Pcap;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
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

    private final OutputStream standardOutput;

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
        this(System.out);
    }

    CaptureCommand(OutputStream standardOutput) {
        this.standardOutput = standardOutput;
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
        Shutdown stop = new Shutdown(SHUTDOWN);
        try (ControlClient.Answered packets = client.open("capture", Map.of("flows", flows, "length", length))) {
            JsonNode id = packets.answer().path("capture");
            stop.asked().thenRun(() -> end(client, id, packets));
            if (standard) {
                copy(packets, standardOutput);
            } else {
                try (OutputStream out = CaptureFile.create(Path.of(file))) {
                    say("writing to " + file + "; Ctrl-C ends it");
                    packets.copyTo(out);
                }
            }
            if (!stop.asked().isDone()) {
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

    /** Whoever reads it may have seen enough. */
    private static void copy(ControlClient.Answered packets, OutputStream out) {
        try {
            packets.copyTo(out);
        } catch (IOException e) {
            // The pipe is closed: as good an end as any.
        }
    }

    private void end(ControlClient client, JsonNode id, ControlClient.Answered packets) {
        try (packets) {
            JsonNode counts = client.ask("captured", Map.of("capture", id.asInt(0)));
            long dropped = counts.path("dropped").asLong(0);
            say((counts.path("taken").asLong(0) - dropped) + " packets"
                    + (dropped == 0 ? "" : ", and " + dropped + " more that were not taken as fast as they came"));
        } catch (IOException e) {
            say(String.valueOf(e.getMessage()));
        }
    }

    private void say(String line) {
        PrintWriter err = spec.commandLine().getErr();
        err.println(spec.root().name() + ": " + Printable.line(line));
        err.flush();
    }
}
