package dev.culvert.gateway.door;

import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.HttpFront;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolNames;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Connections in the clear to port 80: browsers are sent to https, certificate authorities are answered. They stay strangers, for
 * nothing that an agent serves is reached here.
 */
final class PlainPort extends ChannelInitializer<Channel> {
    /** What is read in one turn: some requests, all of which are answered in it. */
    private static final int MAX_READ = 4_096;

    private final PlainSites sites;
    private final Arrivals arrivals;
    private final PasswordChecks passwords;
    private final StrangerTurns.Loops turns;
    private final @Nullable WebAccess access;
    private final ExchangeCounts exchanges = new ExchangeCounts();

    /** @param access who is told what became of requests; null for nobody */
    PlainPort(
            PlainSites sites,
            Arrivals arrivals,
            PasswordChecks passwords,
            StrangerTurns.Loops turns,
            @Nullable WebAccess access) {
        this.access = access;
        this.sites = sites;
        this.arrivals = arrivals;
        this.passwords = passwords;
        this.turns = turns;
    }

    @Override
    protected void initChannel(Channel channel) {
        arrivals.whenKnown(channel, () -> begin(channel));
    }

    private void begin(Channel channel) {
        InetSocketAddress from = Visitor.of(channel).from();
        Strangers.Stranger stranger =
                arrivals.strangers().enter(from.getAddress(), () -> GatewayChannel.closeNow(channel));
        if (stranger == null) {
            channel.close();
            return;
        }
        channel.closeFuture().addListener(f -> stranger.leave());
        channel.config().setRecvByteBufAllocator(new FixedRecvByteBufAllocator(MAX_READ).maxMessagesPerRead(1));
        turns.serve(channel, from, stranger);
        HttpFront.install(
                channel.pipeline(),
                new WebVisit(sites, channel, passwords, exchanges, access),
                new Browser(from.getAddress(), false, List.of()),
                ApplicationProtocolNames.HTTP_1_1);
    }
}
