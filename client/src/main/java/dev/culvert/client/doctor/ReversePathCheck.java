package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Whether the kernel drops what comes by another way than it would answer (RFC 3704): routers behind an agent answer a traceroute so. */
final class ReversePathCheck implements Check {
    private static final int STRICT = 1;

    private final Path settings;
    private final RunningClient client;

    /** @param settings {@code /proc/sys/net/ipv4/conf} */
    ReversePathCheck(Path settings, RunningClient client) {
        this.settings = settings;
        this.client = client;
    }

    @Override
    public String name() {
        return "rp_filter";
    }

    @Override
    public List<Finding> look() throws IOException {
        String device = client.device().orElse("default");
        // Of the two the higher counts (ip-sysctl.rst).
        int all = value("all");
        int own = value(device);
        if (Math.max(all, own) != STRICT) {
            return List.of(Finding.good(name(), "not strict"));
        }
        String loosened = client.device().isPresent() ? device : "all";
        return List.of(Finding.bad(
                name(),
                "strict: answers of routers behind an agent are dropped, as traceroute shows",
                "sysctl -w net.ipv4.conf." + loosened + ".rp_filter=2"));
    }

    private int value(String of) throws IOException {
        try {
            return Integer.parseInt(
                    Files.readString(settings.resolve(of).resolve("rp_filter")).strip());
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
