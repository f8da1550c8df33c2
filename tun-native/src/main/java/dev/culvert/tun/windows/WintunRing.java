package dev.culvert.tun.windows;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import dev.culvert.tun.device.PacketRing;
import dev.culvert.tun.device.TunChannel.Written;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.device.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The rings of one Wintun session, and the event that tells of the one that is read. Wintun lets one thread receive while another
 * sends; {@link #close} is for when neither does.
 */
final class WintunRing implements PacketRing {
    private static final int HANDLES = 2;

    private final String name;
    private final long session;
    private final long woken;
    private final Memory handles;
    private final Memory size = new Memory(Integer.BYTES);
    private final long sizeAddress = Pointer.nativeValue(size);

    private WintunRing(String name, long session, long woken) {
        this.name = name;
        this.session = session;
        this.woken = woken;
        this.handles = new Memory((long) HANDLES * Native.POINTER_SIZE);
        // Of several that are signalled the first is reported: who is to end does so under a full ring, too.
        handles.setLong(0, woken);
        handles.setLong(Native.POINTER_SIZE, Wintun.WintunGetReadWaitEvent(session));
    }

    /**
     * Starts the session of an adapter, which can have one.
     *
     * @param name the adapter's, for errors
     * @param capacity bytes of each ring
     * @throws TunException in one line
     */
    static WintunRing start(String name, long adapter, int capacity) throws TunException {
        long woken = Kernel32.CreateEventW(0, 0, 0, 0);
        if (woken == 0) {
            throw failed("start", name, Native.getLastError(), "this process has too many handles");
        }
        long session = Wintun.WintunStartSession(adapter, capacity);
        if (session == 0) {
            int error = Native.getLastError();
            Kernel32.CloseHandle(woken);
            throw failed(
                    "start",
                    name,
                    error,
                    error == WindowsError.ERROR_ALREADY_INITIALIZED
                            ? "another process has it open; stop that one or choose another name"
                            : "is there memory left?");
        }
        return new WintunRing(name, session, woken);
    }

    private static TunException failed(String what, String name, int error, String remedy) {
        return new TunException(what + " tun " + name + ": " + WindowsError.text(error) + "; " + remedy, error);
    }

    @Override
    public @Nullable ByteBuf receive(ByteBufAllocator allocator) throws TunException {
        long packet = Wintun.WintunReceivePacket(session, sizeAddress);
        if (packet == 0) {
            int error = Native.getLastError();
            if (error == WindowsError.ERROR_NO_MORE_ITEMS) {
                return null;
            }
            throw broken("read", error);
        }
        int length = size.getInt(0);
        ByteBuf message = allocator.directBuffer(VirtioNetHeader.LENGTH + length);
        try {
            return message.writeZero(VirtioNetHeader.LENGTH).writeBytes(bytes(packet, length));
        } finally {
            Wintun.WintunReleaseReceivePacket(session, packet);
        }
    }

    @Override
    public void await() throws TunException {
        int signalled = Kernel32.WaitForMultipleObjects(HANDLES, Pointer.nativeValue(handles), 0, Kernel32.INFINITE);
        if (signalled == Kernel32.WAIT_FAILED) {
            throw broken("wait for", Native.getLastError());
        }
    }

    @Override
    public void wake() {
        Kernel32.SetEvent(woken);
    }

    @Override
    public Written send(ByteBuf message, int index, int length) throws TunException {
        if (length > Wintun.MAX_IP_PACKET_SIZE) {
            return Written.REFUSED;
        }
        long packet = Wintun.WintunAllocateSendPacket(session, length);
        if (packet == 0) {
            int error = Native.getLastError();
            if (error == WindowsError.ERROR_BUFFER_OVERFLOW) {
                return Written.NO_MEMORY; // and no notice of room
            }
            throw broken("write", error);
        }
        message.getBytes(index, bytes(packet, length));
        Wintun.WintunSendPacket(session, packet);
        return Written.TAKEN;
    }

    private static ByteBuffer bytes(long address, int length) {
        return new Pointer(address).getByteBuffer(0, length);
    }

    private TunException broken(String what, int error) {
        return failed(
                what,
                name,
                error,
                switch (error) {
                    case WindowsError.ERROR_HANDLE_EOF ->
                        "the adapter was removed or disabled, or its driver is being updated; start again";
                    case WindowsError.ERROR_INVALID_DATA ->
                        "the ring of packets is corrupt, which Wintun does not mend; start again";
                    default -> "start again";
                });
    }

    /** Ends the session. Nobody may be in another method, nor call one afterwards. */
    void close() {
        Wintun.WintunEndSession(session);
        Kernel32.CloseHandle(woken);
        handles.close();
        size.close();
    }
}
