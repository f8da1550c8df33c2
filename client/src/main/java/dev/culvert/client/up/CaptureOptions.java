package dev.culvert.client.up;

import dev.culvert.tun.capture.CaptureFile;
import dev.culvert.tun.capture.Pcap;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A capture from the first packet on, as options of {@code client up}. */
final class CaptureOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--capture",
            paramLabel = "FILE",
            description =
                    "Write the packets of the interface into this file, as pcap, from the first on; it is made anew, for you alone. See also 'client capture'.")
    @Nullable
    Path file;

    @Option(
            names = "--capture-length",
            paramLabel = "BYTES",
            description = "Of each packet at most so many bytes, 64 to 262144. Default: all.")
    int length = Pcap.MAX_SNAP_LENGTH;

    /** @throws ParameterException if there can be no such capture */
    void check() {
        check(spec, "--capture-length", length);
        if (file == null && length != Pcap.MAX_SNAP_LENGTH) {
            throw new ParameterException(spec.commandLine(), "--capture-length has no sense without --capture");
        }
    }

    static void check(CommandSpec spec, String option, int length) {
        if (length < Pcap.MIN_SNAP_LENGTH || length > Pcap.MAX_SNAP_LENGTH) {
            throw new ParameterException(
                    spec.commandLine(),
                    option + " " + length + ": give " + Pcap.MIN_SNAP_LENGTH + " to " + Pcap.MAX_SNAP_LENGTH);
        }
    }

    /** The file, made anew; null for none. */
    @Nullable
    CaptureFile open() throws IOException {
        return file == null ? null : CaptureFile.open(file, List.of(), length, Clock.systemUTC());
    }
}
