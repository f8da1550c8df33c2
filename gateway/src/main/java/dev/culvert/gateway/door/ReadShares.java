package dev.culvert.gateway.door;

import dev.culvert.tunnel.link.ReadShare;
import dev.culvert.tunnel.link.UpgradableReads;
import io.netty.channel.Channel;
import io.netty.channel.EventLoop;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Which links are read in a time that they share: those of one holder on one event loop. */
final class ReadShares {
    private record Key(EventLoop loop, String holder) {}

    /** Each is its loop's, and so is its place here. */
    private final Map<Key, ReadShare> shares = new ConcurrentHashMap<>();

    /** On the loop of {@code channel}, which is about to become a link. */
    void join(Channel channel, String holder) {
        if (!(channel.config().getRecvByteBufAllocator() instanceof UpgradableReads reads)) {
            return;
        }
        Key key = new Key(channel.eventLoop(), holder);
        ReadShare share = shares.computeIfAbsent(key, k -> new ReadShare(k.loop));
        share.joined();
        reads.share(share);
        channel.closeFuture().addListener(f -> {
            if (share.left()) {
                shares.remove(key);
            }
        });
    }

    /** Holders with a link, on each loop. */
    int size() {
        return shares.size();
    }
}
