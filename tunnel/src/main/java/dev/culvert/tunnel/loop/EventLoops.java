package dev.culvert.tunnel.loop;

import dev.culvert.tunnel.flow.LinkFlow;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.IoHandlerFactory;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.RecvByteBufAllocator;
import io.netty.channel.ServerChannel;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.Epoll;
import io.netty.channel.epoll.EpollDatagramChannel;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.kqueue.KQueue;
import io.netty.channel.kqueue.KQueueDatagramChannel;
import io.netty.channel.kqueue.KQueueIoHandler;
import io.netty.channel.kqueue.KQueueServerDomainSocketChannel;
import io.netty.channel.kqueue.KQueueServerSocketChannel;
import io.netty.channel.kqueue.KQueueSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.DatagramChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.SocketProtocolFamily;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.EventExecutor;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.spi.SelectorProvider;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The platform's best event loops and socket channels: epoll on Linux, kqueue on macOS, else the JDK's selector. */
public final class EventLoops {
    private static final int READS_PER_TURN = 4;

    /** A segment of Ethernet: to read less costs more than it keeps. */
    private static final int LEAST_READ = 2_048;

    /** Nobody's number: those of Linux are 32 bits. */
    public static final long UNKNOWN_USER = -1;

    private static final boolean EPOLL = Epoll.isAvailable();

    /** Asked only where it may be: what it is asked for on Linux is half a start's class loading. */
    private static final boolean KQUEUE = !EPOLL && KQueue.isAvailable();

    private EventLoops() {}

    public static boolean isEpoll() {
        return EPOLL;
    }

    public static MultiThreadIoEventLoopGroup create(int threads, String name) {
        IoHandlerFactory factory = EPOLL
                ? SteadyEpollHandler.newFactory()
                : KQUEUE ? KQueueIoHandler.newFactory() : NioIoHandler.newFactory();
        return new MultiThreadIoEventLoopGroup(threads, new DefaultThreadFactory(name, true), factory);
    }

    public static Class<? extends SocketChannel> socketChannel() {
        return EPOLL ? EpollSocketChannel.class : KQUEUE ? KQueueSocketChannel.class : NioSocketChannel.class;
    }

    public static Class<? extends ServerChannel> serverSocketChannel() {
        return EPOLL
                ? EpollServerSocketChannel.class
                : KQUEUE ? KQueueServerSocketChannel.class : NioServerSocketChannel.class;
    }

    /** Of Unix sockets, to be bound to a {@link #domainAddress}. */
    public static Class<? extends ServerChannel> serverDomainSocketChannel() {
        return EPOLL
                ? EpollServerDomainSocketChannel.class
                : KQUEUE ? KQueueServerDomainSocketChannel.class : NioServerDomainSocketChannel.class;
    }

    /** Of one Unix socket, to be connected to a {@link #domainAddress}. */
    public static Class<? extends Channel> domainSocketChannel() {
        return EPOLL ? EpollDomainSocketChannel.class : NioDomainSocketChannel.class;
    }

    /** The number of the user at the other end of a Unix socket; {@link #UNKNOWN_USER} where the system does not say. */
    public static long peerUser(Channel channel) {
        try {
            return channel instanceof EpollDomainSocketChannel epoll
                    ? epoll.peerCredentials().uid()
                    : UNKNOWN_USER;
        } catch (IOException e) { // it has gone
            return UNKNOWN_USER;
        }
    }

    public static SocketAddress domainAddress(Path path) {
        return EPOLL || KQUEUE ? new DomainSocketAddress(path.toString()) : UnixDomainSocketAddress.of(path);
    }

    /**
     * Has the rest of a long task done in the loop's next turn, after its sockets have had theirs: what is executed, and not
     * scheduled, comes before them.
     */
    public static void nextTurn(EventExecutor loop, Runnable task) {
        loop.schedule(task, 0, TimeUnit.NANOSECONDS);
    }

    /**
     * A socket to listen with at an address of either family: for 0.0.0.0 one that takes nothing of IPv6, which a channel of {@link
     * #serverSocketChannel} does; but for kqueue's, of which there is only the one kind.
     */
    public static ServerChannel newServerSocketChannel(InetAddress at) {
        if (EPOLL) {
            return new EpollServerSocketChannel(family(at));
        }
        return KQUEUE
                ? new KQueueServerSocketChannel()
                : new NioServerSocketChannel(SelectorProvider.provider(), family(at));
    }

    /** As {@link #newServerSocketChannel}, of datagrams. */
    public static DatagramChannel newDatagramChannel(InetAddress at) {
        return EPOLL
                ? new EpollDatagramChannel(family(at))
                : KQUEUE ? new KQueueDatagramChannel(family(at)) : new NioDatagramChannel(family(at));
    }

    private static SocketProtocolFamily family(InetAddress at) {
        return at instanceof Inet4Address ? SocketProtocolFamily.INET : SocketProtocolFamily.INET6;
    }

    /** A UDP socket, not registered yet. */
    public static DatagramChannel newDatagramChannel() {
        return EPOLL ? new EpollDatagramChannel() : KQUEUE ? new KQueueDatagramChannel() : new NioDatagramChannel();
    }

    /**
     * How a bulk TCP socket is read: at most four buffers of 64 KiB before the loop's other channels get their turn. With
     * Netty's 16 a turn takes over a millisecond, which whoever waits behind it feels at each hop; and four stay in the
     * processor's cache until they are written.
     */
    public static RecvByteBufAllocator bulkReads() {
        return new AdaptiveRecvByteBufAllocator().maxMessagesPerRead(READS_PER_TURN);
    }

    /** The same for a flow whose buffers are to be small ({@link LinkFlow#bufferMarks}): no more than fills them at once. */
    public static RecvByteBufAllocator smallReads(int most) {
        return new AdaptiveRecvByteBufAllocator(LEAST_READ, LEAST_READ, Math.max(LEAST_READ, most))
                .maxMessagesPerRead(READS_PER_TURN);
    }

    /**
     * Limits what may wait below a link's writer: so many bytes in Netty's buffer, and as many unsent in the kernel's
     * (TCP_NOTSENT_LOWAT).
     */
    public static void limitDepth(Channel channel, int bytes) {
        channel.config().setWriteBufferWaterMark(new WriteBufferWaterMark(bytes / 2, bytes));
        if (channel instanceof EpollSocketChannel epoll && epoll.isOpen()) {
            epoll.config().setTcpNotSentLowAt(bytes);
        }
    }
}
