package dev.culvert.tun;

import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.host.Host;
import dev.culvert.tun.host.HostNetworkException;
import dev.culvert.tun.host.HostWatch;
import dev.culvert.tun.linux.LinuxHost;
import dev.culvert.tun.linux.LinuxResolvers;
import dev.culvert.tun.linux.LinuxTun;
import dev.culvert.tun.linux.Terminal;
import dev.culvert.tun.macos.MacosHost;
import dev.culvert.tun.macos.MacosResolver;
import dev.culvert.tun.macos.Utun;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.undo.UndoFailure;
import dev.culvert.tun.undo.UndoJournal;
import dev.culvert.tun.undo.UndoStep;
import dev.culvert.tun.windows.WindowsHost;
import dev.culvert.tun.windows.WindowsResolver;
import dev.culvert.tun.windows.WindowsTun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/**
 * The operating system: the one place that asks which it is. What differs by it is had here; all else of this module is the same
 * on every one, or named for one.
 */
public final class Platform {
    private static final String OS = System.getProperty("os.name", "unknown");
    private static final boolean LINUX = OS.toLowerCase(Locale.ROOT).startsWith("linux");
    private static final boolean MACOS = OS.toLowerCase(Locale.ROOT).startsWith("mac");
    private static final boolean WINDOWS = OS.toLowerCase(Locale.ROOT).startsWith("windows");

    private Platform() {}

    /**
     * Makes or attaches to the interface that the settings name. Blocks for a few system calls.
     *
     * @throws TunException in one line: what failed and what mends it
     */
    public static TunDevice openTun(TunConfig config) throws TunException {
        if (LINUX) {
            return LinuxTun.open(config);
        }
        if (MACOS) {
            return Utun.open(config);
        }
        if (WINDOWS) {
            return WindowsTun.open(config);
        }
        throw new TunException("open tun " + config.name() + ": operating system " + OS
                + " has no TUN support here yet; run on Linux, or use a port forward or SOCKS instead");
    }

    /**
     * This machine's network: of this thread's network namespace, where there are such.
     *
     * @throws IOException in one line
     */
    public static Host openHost() throws IOException {
        if (LINUX) {
            return LinuxHost.open();
        }
        if (MACOS) {
            return MacosHost.open();
        }
        if (WINDOWS) {
            return WindowsHost.open();
        }
        throw unsupported();
    }

    /**
     * Begins to watch this machine's network: of this thread's network namespace.
     *
     * @param changed called on the watch's thread; must be quick, and may be called for nothing
     */
    public static HostWatch watchHost(Runnable changed) {
        return HostWatch.start(hostEvents(), changed);
    }

    private static HostWatch.Source hostEvents() {
        if (LINUX) {
            return LinuxHost.events();
        }
        if (MACOS) {
            return MacosHost.events();
        }
        if (WINDOWS) {
            return WindowsHost.events();
        }
        return () -> {
            throw unsupported();
        };
    }

    /**
     * Opens or makes the journal of what is to be undone on this machine.
     *
     * @throws IOException see {@link UndoJournal#open}
     */
    public static UndoJournal openJournal(Path file) throws IOException {
        return UndoJournal.open(file, steps -> {
            try (Host host = openHost()) {
                return host.undo(steps);
            } catch (IOException e) {
                return steps.stream()
                        .map(s -> new UndoFailure(s, String.valueOf(e.getMessage())))
                        .toList();
            }
        });
    }

    /**
     * Whether what the step takes back is here for certain, whichever network namespace's journal it stands in: a file that names that very
     * record. Looks at the file.
     */
    public static boolean isLeftHere(UndoStep step) {
        return LINUX && LinuxResolvers.isLeftHere(step);
    }

    /**
     * What this machine's resolver is set up by: looks, and changes nothing. Blocks for a few seconds at most.
     *
     * @param journal where is written how to take back what it changes
     * @throws IOException in one line: it must not be changed here, or cannot
     */
    public static HostResolver openResolver(UndoJournal journal) throws IOException {
        if (LINUX) {
            return LinuxResolvers.choose(journal);
        }
        if (MACOS) {
            return MacosResolver.open(journal);
        }
        if (WINDOWS) {
            return WindowsResolver.open(journal);
        }
        throw new HostNetworkException("set up names on " + OS + ": not supported yet; run on Linux");
    }

    /** How many columns the terminal has now that standard output may be. */
    public static int terminalColumns() {
        return LINUX ? Terminal.columns() : Terminal.DEFAULT_COLUMNS;
    }

    /** Makes this process one that belongs to no terminal: neither Ctrl-C there nor its end reaches it any more. */
    public static void leaveTerminal() {
        if (LINUX) {
            Terminal.leave();
        }
    }

    private static HostNetworkException unsupported() {
        return new HostNetworkException("change routes on " + OS + ": not supported yet; run on Linux");
    }
}
