package dev.culvert.client.proxy;

import dev.culvert.client.forward.Connections;
import dev.culvert.client.forward.TestSocket;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tunnel.frame.Frame;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;

/** A proxy whose clients and whose gateway are the test. */
@NullUnmarked
final class ProxyBench implements AutoCloseable {
    final LinkedUplink link = new LinkedUplink().up("10.1.0.0/16", "fd71::/64");
    final List<String> complaints = new ArrayList<>();
    final ProxySettings settings;

    /** What {@code /proxy.pac} says; null when that is not known yet. */
    String configuration = "function FindProxyForURL(url, host) {}\n";

    ProxyBench() {
        this(null);
    }

    /** @param password USER:PASSWORD, or null */
    ProxyBench(String password) {
        settings = new ProxySettings(
                link.uplink::open,
                password == null ? null : Credentials.parse(password),
                at -> configuration,
                new Connections(16),
                complaints::add);
    }

    TestSocket connect() {
        TestSocket socket = link.socket(new TestSocket(link.ticker));
        socket.config().setAutoRead(false);
        ProxyFront.serve(socket, settings);
        return socket;
    }

    /** The OPEN that there must be, answered. */
    int open() {
        int id = link.oneFrame(Frame.OPEN).flowId();
        link.opened(id);
        return id;
    }

    @Override
    public void close() {
        link.close();
    }
}
