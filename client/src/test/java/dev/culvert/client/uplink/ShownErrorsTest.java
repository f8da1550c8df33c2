package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.PrefixMap;
import dev.culvert.tunnel.frame.DatagramError;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who complains, as applications see him. */
@NullUnmarked
final class ShownErrorsTest {
    private static final PrefixMap OFFICE =
            new PrefixMap(IpPrefix.parse("10.77.0.0/24"), IpPrefix.parse("192.168.1.0/24"));
    private static final PrefixMap DEEP =
            new PrefixMap(IpPrefix.parse("10.79.0.0/24"), IpPrefix.parse("192.168.2.0/24"));

    private static InetAddress address(String text) {
        return IpPrefix.parse(text).network();
    }

    /** The office's network is routed under its own addresses too, as part of a wider one. */
    @ParameterizedTest
    @CsvSource({
        "10.77.0.5, 192.168.1.5, 10.77.0.5",
        "10.77.0.5, 192.168.1.1, 10.77.0.1",
        "10.79.0.2, 192.168.1.1, 10.77.0.1",
        "10.79.0.2, 192.168.9.1, 192.168.9.1",
        "192.168.1.5, 192.168.1.5, 192.168.1.5",
        "192.168.1.5, 192.168.1.1, 192.168.1.1",
        "192.168.1.5, 192.168.2.1, 10.79.0.1",
        "192.168.9.5, 192.168.1.1, 10.77.0.1",
        "'', 192.168.1.1, 10.77.0.1",
    })
    void whoComplainsIsSeenAsWhatWasAskedForIs(String target, String offender, String shown) {
        RouteTable routes = new RouteTable(
                Map.of(
                        OFFICE.shown(), new RouteTable.Way("office", OFFICE),
                        DEEP.shown(), new RouteTable.Way("office", DEEP),
                        IpPrefix.parse("192.168.0.0/16"), new RouteTable.Way("office", null)),
                List.of(),
                Set.of(),
                List.of());
        InetAddress to = target.isEmpty() ? null : address(target);
        PrefixMap own = to == null ? null : routes.wayTo(to).map();
        EmbeddedChannel flow = new EmbeddedChannel(new ShownErrors("office", own, to, () -> routes));
        flow.writeInbound(new DatagramError(0, 3, 1, 0, address(offender), Unpooled.EMPTY_BUFFER));
        DatagramError error = flow.readInbound();
        assertThat(error.offender()).isEqualTo(address(shown));
        error.release();
    }
}
