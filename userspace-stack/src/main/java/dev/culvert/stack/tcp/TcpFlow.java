package dev.culvert.stack.tcp;

import io.netty.channel.AbstractChannel;
import io.netty.channel.Channel;
import io.netty.channel.socket.DuplexChannel;

/** One accepted TCP connection as a channel of ByteBufs; half-closure is always allowed. */
public abstract class TcpFlow extends AbstractChannel implements DuplexChannel {
    TcpFlow(Channel parent) {
        super(parent);
    }
}
