package dev.culvert.agent;

import dev.culvert.address.AddressText;
import dev.culvert.address.IpLiteral;
import dev.culvert.command.metrics.Histogram;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.connect.LinkKeeper;
import dev.culvert.tunnel.connect.Repetition;
import dev.culvert.tunnel.flow.AnsweredFlows;
import dev.culvert.tunnel.flow.FlowMultiplexer;
import dev.culvert.tunnel.flow.IncomingFlow;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.ProtocolException;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.ByteBuf;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An agent's link to one gateway, kept up. It has one to each: whichever of them a client comes by, its flows are the same. Event loop
 * only, but for {@link #start} and {@link #stop}.
 */
final class Attachment implements LinkKeeper.Listener {
    /** What all of an agent's links have in common. */
    interface Owner {
        /** A gateway may be elsewhere than before. */
        void gatewaysChanged();

        /** A link is there: what the agent says on it, first of all. */
        void linkUp(Attachment attachment, FlowMultiplexer link);

        void onOpen(IncomingFlow flow);

        /** The gateway says of its own accord, or in answer to a DRAIN, how many other instances take new flows. */
        void others(FlowMultiplexer link, int instances);

        /** How many flows have no path, or lose it with this link; 0 when the agent is being stopped. */
        int held(FlowMultiplexer link);

        boolean isClosing();
    }

    private static final Logger log = LoggerFactory.getLogger(Agent.class);

    final URI gateway;
    final Publishing publishing;
    private final Owner owner;
    private final EventLoop loop;
    private final LinkKeeper keeper;
    private final Repetition troubles = new Repetition();
    private @Nullable FlowMultiplexer current;
    private List<InetAddress> addresses;
    private final boolean direct;
    private final Histogram roundTrips = new Histogram();
    private long linksUp;
    private String trouble = "connecting";
    private long sinceNanos;

    /**
     * A moment of it.
     *
     * @param trouble why there is no link; empty while there is one
     * @param since how long there has been a link, or none
     * @param linksUp how many there have been
     * @param roundTrips what PINGs to the gateway took to be answered, on all of them; goes on counting
     */
    record Moment(
            URI gateway,
            boolean linked,
            String trouble,
            Duration since,
            long rttMicros,
            int flows,
            long linksUp,
            Histogram roundTrips) {}

    Attachment(EventLoop loop, LinkConnector connector, LinkSettings settings, AnsweredFlows flows, Owner owner) {
        this.loop = loop;
        this.owner = owner;
        gateway = connector.gateway();
        direct = connector.proxy() == null;
        InetAddress literal = IpLiteral.parse(AddressText.host(gateway));
        addresses = literal == null ? List.of() : List.of(literal);
        publishing = new Publishing(gateway.toString(), log::warn);
        keeper = new LinkKeeper(loop, List.of(connector), settings, this, flows);
        sinceNanos = loop.ticker().nanoTime();
    }

    void start() {
        keeper.start();
    }

    /** @return done when nothing is left of the link */
    Future<?> stop(String why) {
        return keeper.stop(why);
    }

    /** The link, if there is one now. */
    @Nullable
    FlowMultiplexer link() {
        FlowMultiplexer link = current;
        return link != null && link.isUp() ? link : null;
    }

    Moment moment() {
        FlowMultiplexer link = link();
        return new Moment(
                gateway,
                link != null,
                link == null ? trouble : "",
                Duration.ofNanos(loop.ticker().nanoTime() - sinceNanos),
                link == null ? 0 : link.link().rttMicros(),
                link == null ? 0 : link.flowCount(),
                linksUp,
                roundTrips);
    }

    /** Where the gateway is, as far as is known: what its URL says, or its name was last resolved to. */
    List<InetAddress> addresses() {
        return addresses;
    }

    @Override
    public CompletionStage<?> beforeDial(List<InetSocketAddress> candidates) {
        if (direct) { // else it is a proxy that is dialled, and who it serves may go to it
            addresses = candidates.stream().map(InetSocketAddress::getAddress).toList();
            owner.gatewaysChanged();
        }
        return LinkKeeper.Listener.super.beforeDial(candidates);
    }

    @Override
    public void linkUp(FlowMultiplexer link) {
        troubles.clear();
        linksUp++;
        current = link;
        sinceNanos = loop.ticker().nanoTime();
        publishing.linkUp();
        owner.linkUp(this, link);
    }

    @Override
    public void roundTrip(FlowMultiplexer link, long nanos) {
        roundTrips.add(nanos);
    }

    @Override
    public void onOpen(IncomingFlow flow) {
        owner.onOpen(flow);
    }

    @Override
    public void onAnnounce(FlowMultiplexer link, ByteBuf payload) throws ProtocolException {
        Announcement.Answer answer = Announcement.decode(payload, Announcement.Answer.class);
        if (answer.others() != null) {
            owner.others(link, answer.others());
        }
        if (answer.refused() != null) {
            publishing.refused(answer.refused());
        }
    }

    @Override
    public void linkDown(FlowMultiplexer link, String why) {
        trouble = why;
        sinceNanos = loop.ticker().nanoTime();
        troubles.isNews(why, loop.ticker().nanoTime());
        if (!owner.isClosing()) {
            int held = link.link().endsFlows() ? 0 : owner.held(link);
            log.warn(
                    "link to {} is down: {}; connecting again{}",
                    gateway,
                    why,
                    held == 0 ? "" : ", " + held + " flows are held");
        }
    }

    @Override
    public void waiting(Throwable why, long retryMillis) {
        say(String.valueOf(why.getMessage()), "; trying again");
    }

    /** A service goes on: somebody may renew the token's key, take a revocation back, or set the gateway's clock right. */
    @Override
    public boolean refused(LinkRefusedException why) {
        say(String.valueOf(why.getMessage()), "; asking again once a minute");
        return true;
    }

    private void say(String why, String then) {
        trouble = why;
        if (troubles.isNews(why, loop.ticker().nanoTime())) {
            log.warn("{}{}", why, then);
        }
    }
}
