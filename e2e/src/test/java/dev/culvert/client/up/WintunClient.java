package dev.culvert.client.up;

import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.fixture.FakeWintun;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** {@code client up} with the device for Windows over the wintun.dll of the tests; the rest of the machine is what it is. */
public final class WintunClient implements HostSystem {
    /** As on Windows. */
    private static final int RING_CAPACITY = 0x800000;

    private final HostSystem rest = HostSystem.own();

    private WintunClient() {}

    /** The arguments are those of {@code client up}. */
    public static void main(String[] args) {
        Program.main(new UpCommand(new WintunClient(), System.out), args);
    }

    @Override
    public Shutdown newShutdown(Duration limit) {
        return rest.newShutdown(limit);
    }

    @Override
    public TunDevice openTun(TunConfig config) throws TunException {
        return FakeWintun.open(config, RING_CAPACITY);
    }

    @Override
    public Host openHost() throws IOException {
        return rest.openHost();
    }

    @Override
    public UndoJournal openJournal(Path file) throws IOException {
        return rest.openJournal(file);
    }

    @Override
    public HostResolver openResolver(UndoJournal journal) throws IOException {
        return rest.openResolver(journal);
    }
}
