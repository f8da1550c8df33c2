package dev.culvert.client.proxy;

import dev.culvert.client.forward.Connections;
import dev.culvert.client.uplink.Voice;
import java.net.SocketAddress;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What all connections of a proxy share.
 *
 * @param credentials of who may use it; null for everybody who reaches it
 * @param configuration what {@code /proxy.pac} says, by the address that it was asked at; null from it as long as that is not known
 * @param connections that count beside those to the port: sockets for datagrams
 * @param complaints told of what leads nowhere
 */
record ProxySettings(
        Destinations destinations,
        @Nullable Credentials credentials,
        Function<SocketAddress, @Nullable String> configuration,
        Connections connections,
        Voice complaints) {
    /** Of one whose password is wrong, until it is told so: who tries many has few in a minute on each connection. */
    static final int WRONG_PASSWORD_MILLIS = 1_000;
}
