package dev.culvert.tun.device;

import dev.culvert.tun.Platform;
import dev.culvert.tun.icmp.PingSockets;
import dev.culvert.tun.icmp.PingUnavailableException;
import java.io.IOException;

/** What a process without privilege can and cannot open; prints it. */
final class UnprivilegedOpen {
    private UnprivilegedOpen() {}

    public static void main(String[] names) throws IOException {
        for (String name : names) {
            try (TunDevice device = Platform.openTun(TunConfig.named(name))) {
                System.out.println("opened " + device.name() + " mtu " + device.mtu() + " vnet "
                        + device.offloads().vnetHeader() + " tso4 "
                        + device.offloads().tso4());
            } catch (TunException e) {
                System.out.println("refused " + name + ": " + e.getMessage());
            }
        }
        try {
            PingSockets.open(false).close();
            System.out.println("ping opened");
        } catch (PingUnavailableException e) {
            System.out.println("ping refused: " + e.getMessage());
        }
    }
}
