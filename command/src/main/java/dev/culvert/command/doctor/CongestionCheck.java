package dev.culvert.command.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Whether the kernel lets links go on at full speed where packets are lost to chance: BBR does, the usual controls do not. */
public final class CongestionCheck implements Check {
    private static final String BBR = "bbr";

    private final Path settings;
    private final boolean root;

    /** This machine's, for this process. */
    public CongestionCheck() {
        this(Path.of("/proc/sys/net/ipv4"), "root".equals(System.getProperty("user.name")));
    }

    /** @param settings as ip-sysctl has them */
    CongestionCheck(Path settings, boolean root) {
        this.settings = settings;
        this.root = root;
    }

    @Override
    public String name() {
        return "lossy lines";
    }

    @Override
    public List<Finding> look() throws IOException {
        List<String> available;
        List<String> allowed;
        String usual;
        try {
            available = words("tcp_available_congestion_control");
            allowed = words("tcp_allowed_congestion_control");
            usual = String.join(" ", words("tcp_congestion_control"));
        } catch (NoSuchFileException e) {
            return List.of(Finding.open(name(), "this system does not say how it sends on lines that lose packets"));
        }
        String slow = "links use " + usual + " here, slow where a far line loses packets; ";
        if (usual.startsWith(BBR)) {
            return List.of(Finding.good(name(), usual + " on all"));
        }
        if (!available.contains(BBR)) {
            return List.of(
                    Finding.open(
                            name(),
                            slow
                                    + "for BBR: modprobe tcp_bbr (and tcp_bbr in /etc/modules-load.d/culvert.conf), then run this again"));
        }
        if (!allowed.contains(BBR) && !root) {
            return List.of(Finding.open(
                    name(),
                    slow + "only root may choose BBR: sysctl -w net.ipv4.tcp_allowed_congestion_control=\""
                            + String.join(" ", allowed) + " bbr\" (and the same in /etc/sysctl.d/culvert.conf)"));
        }
        return List.of(Finding.good(
                name(),
                "bbr on far lines, " + usual + " on near ones"
                        + (allowed.contains(BBR) ? "" : ", for root; others may not choose it")));
    }

    private List<String> words(String setting) throws IOException {
        return List.of(Files.readString(settings.resolve(setting)).strip().split("\\s+"));
    }
}
