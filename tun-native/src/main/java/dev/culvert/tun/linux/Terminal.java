package dev.culvert.tun.linux;

import com.sun.jna.Memory;
import com.sun.jna.NativeLong;
import dev.culvert.tun.libc.LibC;

/** The terminal that standard output may be. */
public final class Terminal {
    /** What every terminal has, and what is assumed of one that does not say. */
    public static final int DEFAULT_COLUMNS = 80;

    private static final int STANDARD_OUTPUT = 1;

    /** TIOCGWINSZ of Linux, ioctl_tty(2): four 16-bit numbers, the second of which is the columns. */
    private static final long GET_WINDOW_SIZE = 0x5413;

    private Terminal() {}

    /** How many columns it has now. */
    public static int columns() {
        try (Memory size = new Memory(8)) {
            size.clear();
            int rc = LibC.get().ioctl(STANDARD_OUTPUT, new NativeLong(GET_WINDOW_SIZE), size);
            int columns = size.getShort(2) & 0xffff;
            return rc == 0 && columns > 0 ? columns : DEFAULT_COLUMNS;
        }
    }

    /** This process has none any more, and hears nothing of what is typed there, or of its end (setsid(2)). */
    public static void leave() {
        LibC.get().setsid(); // fails only for who leads a group of processes, and is then the shell's to stop
    }
}
