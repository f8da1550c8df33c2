package dev.culvert.gateway.doctor;

import dev.culvert.address.AddressText;
import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.tunnel.dial.NetworkError;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.List;

/** Whether a gateway that does not run could listen where it should. */
final class ListenCheck implements Check {
    private final InetSocketAddress listen;
    private final RunningCheck gateway;

    ListenCheck(InetSocketAddress listen, RunningCheck gateway) {
        this.listen = listen;
        this.gateway = gateway;
    }

    @Override
    public String name() {
        return "port";
    }

    @Override
    public List<Finding> look() {
        String where = AddressText.of(listen);
        if (gateway.isRunning()) {
            return List.of(Finding.open(name(), "the gateway has its own"));
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(listen);
            return List.of(Finding.good(name(), where + " is free"));
        } catch (IOException e) {
            NetworkError kind = NetworkError.of(e);
            return List.of(
                    switch (kind) {
                        case NOT_PERMITTED ->
                            Finding.bad(
                                    name(),
                                    where + ": this user may not listen there",
                                    "run it as root or by the unit (CAP_NET_BIND_SERVICE), or name another with --listen");
                        case NO_SOURCE_ADDRESS ->
                            Finding.bad(
                                    name(),
                                    where + ": another program listens there, or the address is none of this machine's",
                                    "ss -tlnp shows who; end it, or name another with --listen");
                        default ->
                            Finding.bad(name(), where + ": " + NetworkError.words(e), "name another with --listen");
                    });
        }
    }
}
