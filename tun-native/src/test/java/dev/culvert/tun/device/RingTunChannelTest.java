package dev.culvert.tun.device;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;

/** The channel over rings in memory, on an event loop that knows nothing of them. */
final class RingTunChannelTest extends TunChannelContract {
    @Override
    protected FarEnd open() {
        return new MemoryRing();
    }

    @Override
    protected EventLoopGroup newLoop() {
        return new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    }
}
