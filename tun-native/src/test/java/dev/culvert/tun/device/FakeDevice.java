package dev.culvert.tun.device;

import com.sun.jna.Native;
import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.libc.LibC;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A device whose far end the test holds: a pair of datagram sockets, which keep packets apart as a TUN does. */
final class FakeDevice implements UnixTunDevice {
    private static final int AF_UNIX = 1;

    private final TunOffloads offloads;
    private final FileDescriptor fd;
    final FileDescriptor peer;
    int closes;

    FakeDevice(TunOffloads offloads) {
        this.offloads = offloads;
        int[] fds = new int[2];
        int type = LibC.SOCK_DGRAM | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        if (NetNamespace.C.INSTANCE.socketpair(AF_UNIX, type, 0, fds) != 0) {
            throw new IllegalStateException(LibC.text(Native.getLastError()));
        }
        fd = new FileDescriptor(fds[0]);
        peer = new FileDescriptor(fds[1]);
    }

    /** What came out of the channel, or null if nothing waits. */
    byte @Nullable [] receive() throws IOException {
        java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(1 << 17);
        int n = peer.read(buffer, 0, buffer.capacity());
        if (n <= 0) {
            return null;
        }
        byte[] bytes = new byte[n];
        buffer.get(0, bytes);
        return bytes;
    }

    void send(byte[] packet) throws IOException {
        java.nio.ByteBuffer buffer = java.nio.ByteBuffer.allocateDirect(packet.length);
        buffer.put(0, packet);
        if (peer.write(buffer, 0, packet.length) != packet.length) {
            throw new IOException("no room");
        }
    }

    @Override
    public FileDescriptor fd() {
        return fd;
    }

    @Override
    public String name() {
        return "fake0";
    }

    @Override
    public int mtu() {
        return 1500;
    }

    @Override
    public TunOffloads offloads() {
        return offloads;
    }

    @Override
    public boolean isOpen() {
        return fd.isOpen();
    }

    @Override
    public void close() throws IOException {
        closes++;
        fd.close();
    }
}
