package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import java.io.IOException;
import java.util.List;

/** Whether this user can make an interface, and what the kernel leaves to us then. It is gone at once. */
final class TunCheck implements Check {
    /** Not as a client's own is called, so that nobody takes it for one. */
    private static final String NAME = "cvdoctor%d";

    private final Opener opener;

    /** As {@link dev.culvert.tun.Platform#openTun}. */
    interface Opener {
        TunDevice open(TunConfig config) throws TunException;
    }

    TunCheck(Opener opener) {
        this.opener = opener;
    }

    @Override
    public String name() {
        return "TUN";
    }

    @Override
    public List<Finding> look() throws IOException {
        try (TunDevice device = opener.open(TunConfig.named(NAME))) {
            return List.of(
                    Finding.good(name(), "an interface can be made, MTU " + device.mtu() + ", " + device.offloads()));
        } catch (TunException e) {
            String text = String.valueOf(e.getMessage());
            int cure = text.indexOf("; ");
            return List.of(
                    cure < 0
                            ? Finding.bad(name(), text, "run with sudo; or without an interface: 'client proxy'")
                            : Finding.bad(
                                    name(),
                                    text.substring(0, cure),
                                    text.substring(cure + 2) + "; or without an interface: 'client proxy'"));
        }
    }
}
