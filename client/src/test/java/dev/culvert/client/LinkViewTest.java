package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.culvert.tunnel.Destination;
import dev.culvert.tunnel.FlowException;
import dev.culvert.tunnel.FlowListener;
import dev.culvert.tunnel.FlowMultiplexer;
import dev.culvert.tunnel.IncomingFlow;
import dev.culvert.tunnel.Reason;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;

final class LinkViewTest {
    private static final long DOWN_SINCE = 5_000_000_000L;

    private final LinkView view = new LinkView();

    private Reason refusal(long nowNanos) throws Exception {
        FlowException e = catchThrowableOfType(
                FlowException.class,
                () -> view.open(
                        Destination.of(Destination.TCP, InetAddress.getByName("192.168.77.2"), 80),
                        new InetSocketAddress("100.127.255.1", 40_000),
                        nowNanos,
                        new ChannelInboundHandlerAdapter()));
        return e.reason();
    }

    @Test
    void whileTheLinkHasJustGoneNewFlowsMeetSilenceThenTheyAreToldOfIt() throws Exception {
        view.down(DOWN_SINCE);
        long patience = LinkView.PATIENCE.toNanos();
        assertThat(refusal(DOWN_SINCE)).isEqualTo(Reason.LINK_LOST);
        assertThat(refusal(DOWN_SINCE + patience - 1)).isEqualTo(Reason.LINK_LOST);
        assertThat(refusal(DOWN_SINCE + patience)).isEqualTo(Reason.NETWORK_UNREACHABLE);
    }

    @Test
    void aLinkThatIsNotUpYetIsNone() throws Exception {
        view.down(DOWN_SINCE);
        view.up(new FlowMultiplexer(new FlowListener() {
            @Override
            public void onOpen(IncomingFlow flow) {}
        }));
        assertThat(refusal(DOWN_SINCE + 1)).isEqualTo(Reason.LINK_LOST);
    }
}
