package dev.culvert.tun.macos;

import com.sun.jna.Native;
import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.fixture.FarEnd;
import dev.culvert.tun.libc.LibC;
import dev.culvert.tun.linux.EpollWatch;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A utun whose kernel is the test: a pair of datagram sockets, each packet behind its family, and the macOS channel on epoll. */
final class FakeUtun implements UnixTunDevice, FarEnd {
    private static final int AF_UNIX = 1;

    private final FileDescriptor fd;
    private final FileDescriptor peer;
    private int closes;

    /** What this kernel answers to what is written, in macOS's numbers; 0 if it takes it. */
    private volatile int refusal;

    FakeUtun() {
        int[] fds = pair();
        fd = new FileDescriptor(fds[0]);
        peer = new FileDescriptor(fds[1]);
    }

    /** Two datagram sockets, non-blocking. */
    static int[] pair() {
        int[] fds = new int[2];
        int type = LibC.SOCK_DGRAM | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        if (NetNamespace.C.INSTANCE.socketpair(AF_UNIX, type, 0, fds) != 0) {
            throw new IllegalStateException(LibC.text(Native.getLastError()));
        }
        return fds;
    }

    /** From now on. */
    void refuse(int errno) {
        refusal = errno;
    }

    @Override
    public TunChannel newChannel() {
        return new UtunChannel(this, new EpollWatch()) {
            @Override
            protected long sendVector(long address, int count) throws IOException {
                if (refusal != 0) {
                    throw new NativeIoException("writev", -refusal, false);
                }
                return super.sendVector(address, count);
            }
        };
    }

    @Override
    public TunDevice device() {
        return this;
    }

    /** As it is, or null if nothing waits. */
    byte @Nullable [] read() throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 17);
        int n = peer.read(buffer, 0, buffer.capacity());
        if (n <= 0) {
            return null;
        }
        byte[] bytes = new byte[n];
        buffer.get(0, bytes);
        return bytes;
    }

    @Override
    public byte @Nullable [] receive() throws IOException {
        byte[] bytes = read();
        if (bytes == null) {
            return null;
        }
        ByteBuffer framed = ByteBuffer.wrap(bytes);
        int family = framed.getInt();
        byte[] packet = new byte[framed.remaining()];
        framed.get(packet);
        if (family != family(packet)) {
            throw new AssertionError("family " + family + " before a packet of version " + (packet[0] >> 4));
        }
        return packet;
    }

    private static int family(byte[] packet) {
        return packet[0] >> 4 == 4 ? 2 : 30;
    }

    @Override
    public boolean send(byte[] packet) throws IOException {
        ByteBuffer framed = ByteBuffer.allocateDirect(4 + packet.length);
        framed.putInt(family(packet)).put(packet);
        return peer.write(framed, 0, framed.capacity()) == framed.capacity();
    }

    /** As a control without an interface: the end of what can be read, and ENOTCONN for what is written. */
    @Override
    public void vanish() throws IOException {
        refuse(Xnu.ENOTCONN);
        peer.write(ByteBuffer.allocateDirect(1), 0, 0); // an empty datagram is read as an end is
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    @Override
    public String name() {
        return "utun9";
    }

    @Override
    public int mtu() {
        return 1500;
    }

    @Override
    public TunOffloads offloads() {
        return TunOffloads.NONE;
    }

    @Override
    public boolean isOpen() {
        return fd.isOpen();
    }

    @Override
    public int closes() {
        return closes;
    }

    @Override
    public void close() throws IOException {
        closes++;
        fd.close();
    }

    @Override
    public void end() throws IOException {
        peer.close();
        fd.close();
    }
}
