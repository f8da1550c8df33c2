package dev.culvert.gateway.door;

import io.netty.channel.Channel;
import io.netty.util.AttributeKey;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Objects;

/**
 * Who has come, and to where: the ends of a connection, or of the one that a balancer in front has taken and told of.
 *
 * @param from the visitor's end
 * @param to the end that it has connected to
 */
record Visitor(InetSocketAddress from, InetSocketAddress to) {
    /** Where a balancer has said it. */
    private static final AttributeKey<Visitor> SAID = AttributeKey.valueOf(Visitor.class, "said");

    /** The visitor of a connection; one that is not closed yet, or of which a balancer has told. */
    static Visitor of(Channel channel) {
        Visitor said = channel.attr(SAID).get();
        return said != null
                ? said
                : new Visitor(
                        (InetSocketAddress) Objects.requireNonNull(channel.remoteAddress(), "it is closed"),
                        (InetSocketAddress) Objects.requireNonNull(channel.localAddress(), "it is closed"));
    }

    /** It is this one's from now on. */
    void isOf(Channel channel) {
        channel.attr(SAID).set(this);
    }

    InetAddress address() {
        return from.getAddress();
    }
}
