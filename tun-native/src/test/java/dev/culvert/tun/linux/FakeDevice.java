package dev.culvert.tun.linux;

import com.sun.jna.Native;
import dev.culvert.tun.NetNamespace;
import dev.culvert.tun.device.TunChannel;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunOffloads;
import dev.culvert.tun.device.UnixTunDevice;
import dev.culvert.tun.device.VirtioNetHeader;
import dev.culvert.tun.fixture.FarEnd;
import dev.culvert.tun.libc.LibC;
import io.netty.channel.unix.Errors.NativeIoException;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.Socket;
import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** A device whose far end the test holds: a pair of sockets that keep packets apart as a TUN does, and end as one. */
final class FakeDevice implements UnixTunDevice, FarEnd {
    private static final int AF_UNIX = 1;
    private static final int SOCK_SEQPACKET = 5;

    private final TunOffloads offloads;
    private final FileDescriptor fd;
    private final FileDescriptor peer;
    private final int header;
    private int closes;

    /** What this kernel answers to what is written, or 0 if it takes it; and whether it does so to super-packets only. */
    private volatile int refusal;

    private volatile boolean onlyGso;

    FakeDevice(TunOffloads offloads) {
        this.offloads = offloads;
        this.header = offloads.vnetHeader() ? VirtioNetHeader.LENGTH : 0;
        int[] fds = new int[2];
        int type = SOCK_SEQPACKET | LibC.SOCK_NONBLOCK | LibC.SOCK_CLOEXEC;
        if (NetNamespace.C.INSTANCE.socketpair(AF_UNIX, type, 0, fds) != 0) {
            throw new IllegalStateException(LibC.text(Native.getLastError()));
        }
        fd = new FileDescriptor(fds[0]);
        peer = new FileDescriptor(fds[1]);
    }

    @Override
    public TunChannel newChannel() {
        return new EpollTunChannel(this) {
            @Override
            protected long sendAddress(long address, int length) throws IOException {
                answer(PlatformDependent.getByte(address + 1) != 0);
                return super.sendAddress(address, length);
            }

            @Override
            protected long sendVector(long address, int count) throws IOException {
                answer(false);
                return super.sendVector(address, count);
            }
        };
    }

    private void answer(boolean gso) throws IOException {
        if (refusal != 0 && (gso || !onlyGso)) {
            throw new NativeIoException("write", -refusal, false);
        }
    }

    /** From now on the kernel gives the same answer to every super-packet, or to everything. */
    void refuse(int errno, boolean superPacketsOnly) {
        onlyGso = superPacketsOnly;
        refusal = errno;
    }

    @Override
    public TunDevice device() {
        return this;
    }

    /** What came out of the channel, as it is, or null if nothing waits. */
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
        return bytes == null ? null : Arrays.copyOfRange(bytes, header, bytes.length);
    }

    /** As it is; false when there is no room. */
    boolean write(byte[] bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        buffer.put(0, bytes);
        return peer.write(buffer, 0, bytes.length) == bytes.length;
    }

    @Override
    public boolean send(byte[] packet) throws IOException {
        byte[] bytes = new byte[header + packet.length];
        System.arraycopy(packet, 0, bytes, header, packet.length);
        return write(bytes);
    }

    @Override
    public void vanish() throws IOException {
        refuse(LibC.EBADFD, false);
        new Socket(peer.intValue()).shutdown();
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
