package dev.culvert.gateway.door;

import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.web.Browser;
import dev.culvert.gateway.web.HttpFront;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.handler.ssl.ApplicationProtocolNames;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * Connections in the clear to port 80: browsers are sent to https, certificate authorities are answered. They stay strangers, for
 * nothing that an agent serves is reached here.
 */
final class PlainPort extends ChannelInitializer<Channel> {
    private final PlainSites sites;
    private final Arrivals arrivals;
    private final PasswordChecks passwords;

    PlainPort(PlainSites sites, Arrivals arrivals, PasswordChecks passwords) {
        this.sites = sites;
        this.arrivals = arrivals;
        this.passwords = passwords;
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
        HttpFront.install(
                channel.pipeline(),
                new WebVisit(sites, channel, passwords),
                new Browser(from.getAddress(), false, List.of()),
                ApplicationProtocolNames.HTTP_1_1);
    }
}
