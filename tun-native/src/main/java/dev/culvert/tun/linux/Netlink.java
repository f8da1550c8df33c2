package dev.culvert.tun.linux;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import dev.culvert.tun.host.HostNetworkException;
import dev.culvert.tun.host.HostWatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A rtnetlink socket (rtnetlink(7)): asks for state, asks for changes, or hears of them. It belongs to the network
 * namespace of the thread that opened it. One thread at a time; calls block, each for {@value #DEADLINE_MILLIS} ms at most.
 */
final class Netlink implements HostWatch.Events {
    /** The kernel answers in microseconds, while it holds its lock for others perhaps in seconds. */
    static final int DEADLINE_MILLIS = 5_000;

    /** A dump that changes under our eyes is asked for again, but not for ever. */
    private static final int DUMP_ATTEMPTS = 8;

    /** The kernel fills at most 32 KiB in one read. */
    private static final int BUFFER_BYTES = 64 << 10;

    static final int HEADER_BYTES = 16;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_CAP_ACK = 10;
    private static final int NETLINK_EXT_ACK = 11;
    private static final int MSG_DONTWAIT = 0x40;
    private static final short POLLIN = 1;

    private static final int NLM_F_REQUEST = 1;
    private static final int NLM_F_ACK = 4;
    private static final int NLM_F_DUMP_INTR = 0x10;
    private static final int NLM_F_CAPPED = 0x100;
    private static final int NLM_F_ACK_TLVS = 0x200;
    private static final int NLM_F_DUMP = 0x300;
    private static final int NLMSG_ERROR = 2;
    private static final int NLMSG_DONE = 3;
    private static final int NLMSGERR_ATTR_MSG = 1;

    private static final int EINTR = 4;
    private static final int EAGAIN = 11;
    private static final int ENOBUFS = 105;

    /** What is needed of the C library; see the note at {@code LibC} about errno. */
    interface C extends Library {
        C INSTANCE = Native.load("c", C.class);

        int socket(int family, int type, int protocol);

        int bind(int fd, Pointer address, int length);

        int setsockopt(int fd, int level, int name, Pointer value, int length);

        NativeLong send(int fd, Pointer buffer, NativeLong length, int flags);

        NativeLong recv(int fd, Pointer buffer, NativeLong length, int flags);

        int poll(Pointer fds, NativeLong count, int timeoutMillis);

        int close(int fd);

        String strerror(int errno);
    }

    private final int fd;
    private final Memory buffer = new Memory(BUFFER_BYTES);
    private int sequence;

    private Netlink(int fd) {
        this.fd = fd;
    }

    /** @param groups those whose messages this socket hears, as bits (RTMGRP_*); 0 to ask only */
    static Netlink open(int groups) throws HostNetworkException {
        C c = C.INSTANCE;
        int fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            throw new HostNetworkException("open a netlink socket: " + text(Native.getLastError())
                    + "; see ulimit -n, and the sandbox if any");
        }
        try (Memory address = new Memory(12);
                Memory one = new Memory(4)) {
            one.setInt(0, 1);
            // Both only shape error messages; kernels before 4.12 have neither.
            c.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, one, 4);
            c.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, one, 4);
            address.clear();
            address.setShort(0, (short) AF_NETLINK);
            address.setInt(8, groups);
            if (c.bind(fd, address, 12) < 0) {
                int errno = Native.getLastError();
                c.close(fd);
                throw new HostNetworkException("listen to the kernel's network events: " + text(errno));
            }
        }
        return new Netlink(fd);
    }

    static String text(int errno) {
        return C.INSTANCE.strerror(errno);
    }

    /**
     * Asks for all objects of a kind.
     *
     * @param begin called before the first object, again when the kernel's tables changed meanwhile and all comes anew
     * @param each gets each message from behind its header; it is gone when the call returns
     */
    void dump(int type, byte[] body, Runnable begin, Consumer<ByteBuffer> each) throws IOException {
        for (int attempt = 1; ; attempt++) {
            begin.run();
            send(type, NLM_F_REQUEST | NLM_F_DUMP, body);
            if (receive(each) || attempt == DUMP_ATTEMPTS) {
                return;
            }
        }
    }

    /**
     * Asks for a change.
     *
     * @return null when it is made, else why not
     */
    @Nullable
    NetlinkError request(int type, int flags, byte[] body) throws IOException {
        send(type, NLM_F_REQUEST | NLM_F_ACK | flags, body);
        try {
            receive(message -> {});
            return null;
        } catch (Refused e) {
            return e.error;
        }
    }

    /** Waits for a message to any of the groups, and takes all that are there. */
    @Override
    public boolean await(int timeoutMillis) throws IOException {
        if (!readable(timeoutMillis)) {
            return false;
        }
        while (true) {
            long n = C.INSTANCE
                    .recv(fd, buffer, new NativeLong(BUFFER_BYTES), MSG_DONTWAIT)
                    .longValue();
            int errno = n < 0 ? Native.getLastError() : 0;
            if (errno == EAGAIN) {
                return true;
            }
            // ENOBUFS: more came than the kernel keeps; what they were about is read anew anyway.
            if (errno != 0 && errno != EINTR && errno != ENOBUFS) {
                throw new HostNetworkException("hear the kernel's network events: " + text(errno));
            }
        }
    }

    private void send(int type, int flags, byte[] body) throws IOException {
        int length = HEADER_BYTES + body.length;
        sequence++;
        ByteBuffer header = ByteBuffer.allocate(length).order(ByteOrder.nativeOrder());
        header.putInt(length)
                .putShort((short) type)
                .putShort((short) flags)
                .putInt(sequence)
                .putInt(0)
                .put(body);
        buffer.write(0, header.array(), 0, length);
        if (C.INSTANCE.send(fd, buffer, new NativeLong(length), 0).longValue() != length) {
            throw new HostNetworkException("ask the kernel about its network: " + text(Native.getLastError()));
        }
    }

    /** Takes messages until the answer is whole; false when it is not to be relied on. */
    private boolean receive(Consumer<ByteBuffer> each) throws IOException {
        boolean consistent = true;
        long until = System.nanoTime() + DEADLINE_MILLIS * 1_000_000L;
        while (true) {
            long left = Math.max(0, (until - System.nanoTime()) / 1_000_000);
            if (!readable((int) left)) {
                throw new HostNetworkException(
                        "ask the kernel about its network: no answer within " + DEADLINE_MILLIS / 1000 + " s");
            }
            long n = C.INSTANCE
                    .recv(fd, buffer, new NativeLong(BUFFER_BYTES), MSG_DONTWAIT)
                    .longValue();
            if (n < 0) {
                int errno = Native.getLastError();
                if (errno == EAGAIN || errno == EINTR) {
                    continue;
                }
                throw new HostNetworkException("read the kernel's network state: " + text(errno));
            }
            ByteBuffer messages = buffer.getByteBuffer(0, n).order(ByteOrder.nativeOrder());
            while (messages.remaining() >= HEADER_BYTES) {
                int start = messages.position();
                int length = messages.getInt();
                int type = messages.getShort() & 0xffff;
                int flags = messages.getShort() & 0xffff;
                int answers = messages.getInt();
                if (length < HEADER_BYTES || length > n - start) {
                    throw new HostNetworkException("read the kernel's network state: a message has an odd length");
                }
                ByteBuffer body = messages.slice(start + HEADER_BYTES, length - HEADER_BYTES)
                        .order(ByteOrder.nativeOrder());
                messages.position((int) Math.min(n, start + ((length + 3L) & ~3L)));
                if (answers != sequence) {
                    continue; // of a request that was given up
                }
                consistent &= (flags & NLM_F_DUMP_INTR) == 0;
                if (type == NLMSG_ERROR || type == NLMSG_DONE) {
                    int errno = body.remaining() >= 4 ? -body.getInt() : 0;
                    if (errno != 0) {
                        throw new Refused(new NetlinkError(
                                errno, type == NLMSG_ERROR ? explanation(body, flags, errno) : text(errno)));
                    }
                    return consistent;
                }
                each.accept(body);
            }
        }
    }

    /** The kernel's own words where it has some, else those of the error number. */
    private static String explanation(ByteBuffer body, int flags, int errno) {
        int request = body.remaining() >= HEADER_BYTES ? body.getInt(body.position()) : HEADER_BYTES;
        int offset = body.position() + ((flags & NLM_F_CAPPED) != 0 ? HEADER_BYTES : (request + 3) & ~3);
        if ((flags & NLM_F_ACK_TLVS) != 0 && offset <= body.limit()) {
            byte[] message = NetlinkAttributes.of(body.position(offset)).bytes(NLMSGERR_ATTR_MSG);
            if (message != null && message.length > 1) {
                return new String(message, 0, message.length - 1, StandardCharsets.US_ASCII) + " (" + text(errno) + ")";
            }
        }
        return text(errno);
    }

    private boolean readable(int timeoutMillis) throws IOException {
        try (Memory poll = new Memory(8)) {
            poll.setInt(0, fd);
            poll.setShort(4, POLLIN);
            poll.setShort(6, (short) 0);
            int n = C.INSTANCE.poll(poll, new NativeLong(1), timeoutMillis);
            if (n < 0 && Native.getLastError() != EINTR) {
                throw new HostNetworkException("wait for the kernel's network state: " + text(Native.getLastError()));
            }
            return n > 0;
        }
    }

    @Override
    public void close() {
        C.INSTANCE.close(fd);
    }

    /** Ends {@link #receive}. */
    private static final class Refused extends IOException {
        private static final long serialVersionUID = 1L;

        private final transient NetlinkError error;

        Refused(NetlinkError error) {
            super("read the kernel's network state: " + error.text());
            this.error = error;
        }
    }
}
