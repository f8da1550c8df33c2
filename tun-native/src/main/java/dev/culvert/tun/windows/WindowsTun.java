package dev.culvert.tun.windows;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import dev.culvert.tun.device.RingTunChannel;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.TunOffloads;
import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A Wintun adapter: no offload, no descriptor; it goes with the process that made it. */
public final class WindowsTun implements TunDevice {
    private static final Logger log = LoggerFactory.getLogger(WindowsTun.class);

    /** What Windows shows beside the name. */
    private static final String TUNNEL_TYPE = "Culvert";

    /**
     * Bytes of each ring: 5,000 packets of Ethernet's size, as a Linux interface of ours queues ({@link
     * TunConfig#DEFAULT_TX_QUEUE_LENGTH}), rounded up to a power of two. WireGuard's own, too.
     */
    static final int RING_CAPACITY = 0x800000;

    /** Of names by a pattern: nobody has as many clients up. */
    private static final int MAX_NUMBERED = 64;

    /** Windows' words of ours are short; more of them would be another's. */
    private static final int MAX_LOGGED = 512;

    /** Kept: Wintun calls it for as long as it is loaded. */
    private static final Wintun.Logger WINTUN_LOG = (level, time, message) -> {
        String text = Wintun.text(message, MAX_LOGGED);
        if (level >= Wintun.LOG_WARN) {
            log.warn("wintun: {}", text);
        } else {
            log.debug("wintun: {}", text);
        }
    };

    private final String name;
    private final int mtu;
    private final long adapter;
    private final WintunRing ring;
    private boolean open = true;

    private WindowsTun(String name, int mtu, long adapter, WintunRing ring) {
        this.name = name;
        this.mtu = mtu;
        this.adapter = adapter;
        this.ring = ring;
    }

    /** Makes the adapter, or attaches to one that is there; needs an administrator. */
    public static WindowsTun open(TunConfig config) throws TunException {
        return open(config, () -> WintunDll.unpack(WintunDll.folder()), "kernel32", "iphlpapi", RING_CAPACITY);
    }

    /**
     * As {@link #open(TunConfig)}, with another library: of Wintun's functions, and of those of kernel32.dll and iphlpapi.dll that are
     * used with them.
     *
     * @param library absolute path
     */
    static WindowsTun open(TunConfig config, Path library, int ringCapacity) throws TunException {
        return open(config, () -> library, library.toString(), library.toString(), ringCapacity);
    }

    private interface Dll {
        Path path() throws IOException;
    }

    private static WindowsTun open(TunConfig config, Dll dll, String kernel32, String iphlpapi, int ringCapacity)
            throws TunException {
        if (config.existingFd().isPresent()) {
            throw new TunException("use a descriptor as a tun: Windows has none; leave it out");
        }
        if (Native.POINTER_SIZE != Long.BYTES) {
            throw new TunException("open tun " + config.name() + ": needs a 64-bit Java; install one");
        }
        try {
            Wintun.load(dll.path().toString());
            Kernel32.load(kernel32);
        } catch (IOException | LinkageError e) {
            throw new TunException("open tun " + config.name() + ": " + e.getMessage());
        }
        Wintun.WintunSetLogger(WINTUN_LOG);
        String name = nameFor(config.name());
        long adapter = attach(name);
        boolean done = false;
        try {
            int mtu = IpInterface.set(iphlpapi, name, luid(adapter), config.mtu());
            WintunRing ring = WintunRing.start(name, adapter, ringCapacity);
            done = true;
            int version = Wintun.WintunGetRunningDriverVersion();
            log.info("tun {} is open: mtu {}, Wintun {}.{}", name, mtu, version >>> 16, version & 0xffff);
            return new WindowsTun(name, mtu, adapter, ring);
        } finally {
            if (!done) {
                Wintun.WintunCloseAdapter(adapter);
            }
        }
    }

    private static long luid(long adapter) {
        try (Memory luid = new Memory(Long.BYTES)) {
            Wintun.WintunGetAdapterLUID(adapter, Pointer.nativeValue(luid));
            return luid.getLong(0);
        }
    }

    /** A pattern becomes the first name that nobody has. */
    private static String nameFor(String pattern) throws TunException {
        if (!pattern.contains("%d")) {
            return pattern;
        }
        for (int i = 0; i < MAX_NUMBERED; i++) {
            String name = pattern.replace("%d", Integer.toString(i));
            long other = Wintun.WintunOpenAdapter(Wintun.wide(name));
            if (other == 0) {
                return name;
            }
            Wintun.WintunCloseAdapter(other);
        }
        throw new TunException("create tun " + pattern + ": " + MAX_NUMBERED
                + " adapters have such names; end the clients that you do not need");
    }

    private static long attach(String name) throws TunException {
        byte[] wide = Wintun.wide(name);
        long adapter = Wintun.WintunOpenAdapter(wide);
        if (adapter == 0) {
            adapter = Wintun.WintunCreateAdapter(wide, Wintun.wide(TUNNEL_TYPE), AdapterGuid.of(name));
        }
        if (adapter != 0) {
            return adapter;
        }
        int error = Native.getLastError();
        throw new TunException(
                "create tun " + name + ": " + WindowsError.text(error) + "; "
                        + switch (error) {
                            case WindowsError.ERROR_ACCESS_DENIED ->
                                "run this in a prompt that was opened as administrator";
                            case WindowsError.ERROR_ALREADY_EXISTS ->
                                "another kind of interface has that name; choose another with --tun";
                            case WindowsError.ERROR_INVALID_IMAGE_HASH ->
                                "Windows does not trust Wintun's driver; let Windows Update finish, and try again";
                            default -> "let Windows Update finish if it runs, and try again";
                        },
                error);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public TunOffloads offloads() {
        return TunOffloads.NONE;
    }

    @Override
    public TunChannel newChannel() {
        return new RingTunChannel(this, ring);
    }

    @Override
    public synchronized boolean isOpen() {
        return open;
    }

    @Override
    public synchronized void close() {
        if (open) {
            open = false;
            ring.close();
            Wintun.WintunCloseAdapter(adapter);
        }
    }

    @Override
    public String toString() {
        return "WindowsTun(" + name + ")";
    }
}
