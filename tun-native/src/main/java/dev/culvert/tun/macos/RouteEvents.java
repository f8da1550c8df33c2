package dev.culvert.tun.macos;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import dev.culvert.tun.host.HostWatch;
import java.io.IOException;
import java.nio.ByteBuffer;

/** A routing socket (route(4)): the kernel writes to it what changes. */
final class RouteEvents implements HostWatch.Events {
    /** Longer than any message; they come one for each read. */
    private static final int MESSAGE_BYTES = 8192;

    /** Of one waiting: what is left keeps until the next. */
    private static final int MAX_MESSAGES = 1024;

    private final DarwinC c = DarwinC.get();
    private final Memory wait = new Memory(8);
    private final Memory message = new Memory(MESSAGE_BYTES);
    private final int fd;

    RouteEvents() throws IOException {
        fd = c.socket(Xnu.PF_ROUTE, Xnu.SOCK_RAW, 0);
        if (fd < 0) {
            throw failed("open a routing socket");
        }
        c.fcntl(fd, Xnu.F_SETFD, Xnu.FD_CLOEXEC);
        int flags = c.fcntl(fd, Xnu.F_GETFL);
        if (c.fcntl(fd, Xnu.F_SETFL, flags | Xnu.O_NONBLOCK) < 0) {
            IOException failure = failed("set the flags of a routing socket");
            c.close(fd);
            throw failure;
        }
    }

    @Override
    public boolean await(int millis) throws IOException {
        wait.setInt(0, fd);
        wait.setInt(4, Xnu.POLLIN);
        int ready = c.poll(wait, 1, millis);
        if (ready < 0 && Native.getLastError() != Xnu.EINTR) {
            throw failed("wait for changes of the network");
        }
        boolean news = false;
        for (int i = 0; ready > 0 && i < MAX_MESSAGES; i++) {
            long n = c.read(fd, message, new NativeLong(MESSAGE_BYTES)).longValue();
            if (n < 0 && Native.getLastError() == Xnu.ENOBUFS) {
                news = true; // some were lost
                continue;
            }
            if (n <= 0) {
                break;
            }
            news |= RouteMessages.isNews(ByteBuffer.wrap(message.getByteArray(0, (int) n)));
        }
        return news;
    }

    private IOException failed(String what) {
        int errno = Native.getLastError();
        return new IOException(what + ": " + c.strerror(errno) + " (errno " + errno + ")");
    }

    @Override
    public void close() {
        c.close(fd);
        wait.close();
        message.close();
    }
}
