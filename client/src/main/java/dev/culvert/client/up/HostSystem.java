package dev.culvert.client.up;

import dev.culvert.command.Shutdown;
import dev.culvert.tun.Platform;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.undo.UndoJournal;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;

/** What {@code client up} takes of the system that it runs on; tests have one in memory. */
interface HostSystem {
    /** As {@link Platform#openTun}. */
    TunDevice openTun(TunConfig config) throws TunException;

    /** As {@link Platform#openHost}. */
    Host openHost() throws IOException;

    /** As {@link Platform#openJournal}. */
    UndoJournal openJournal(Path file) throws IOException;

    /** As {@link Platform#openResolver}. */
    HostResolver openResolver(UndoJournal journal) throws IOException;

    /** Who tells the client to end; see {@link Shutdown}. */
    Shutdown newShutdown(Duration limit);

    /** The one that there is. */
    static HostSystem own() {
        return new HostSystem() {
            @Override
            public TunDevice openTun(TunConfig config) throws TunException {
                return Platform.openTun(config);
            }

            @Override
            public Host openHost() throws IOException {
                return Platform.openHost();
            }

            @Override
            public UndoJournal openJournal(Path file) throws IOException {
                return Platform.openJournal(file);
            }

            @Override
            public HostResolver openResolver(UndoJournal journal) throws IOException {
                return Platform.openResolver(journal);
            }

            @Override
            public Shutdown newShutdown(Duration limit) {
                return new Shutdown(limit);
            }
        };
    }
}
