package dev.culvert.client.uplink;

import dev.culvert.token.ClientToken;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.Token;
import dev.culvert.token.TokenGrants;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.RenewedToken;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.flow.ClientSession;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.channel.EventLoop;
import java.io.IOException;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The uplink of a token's holder: to all gateways that the token names, with the token's key and the newest token that was handed over. */
public final class TokenUplink implements AutoCloseable {
    private final Uplink uplink;
    private final RenewedToken renewed;
    private final Joining joining;

    private TokenUplink(Uplink uplink, RenewedToken renewed, Joining joining) {
        this.uplink = uplink;
        this.renewed = renewed;
        this.joining = joining;
    }

    /**
     * Makes it, not started yet. Blocks. The token's key is made if there is to be one and is none yet, and one that was made for nothing
     * would be taken for the token's own later: call it when nothing but the gateway is missing.
     *
     * @param options by which {@code holder} was read
     * @param loop on which all of it lives
     * @param session this process's own
     * @param joined where the socket for flows may be of a client that is up, through which it goes then; none for an own link
     */
    public static TokenUplink of(
            HolderOptions options,
            HolderOptions.Holder holder,
            RouteTable.Wanted wanted,
            EventLoop loop,
            ClientSession session,
            List<Path> joined,
            Voice voice)
            throws IOException {
        ClientToken token = (ClientToken) holder.token();
        KeyPair keys = options.keys(token);
        RenewedToken renewed =
                new RenewedToken(holder, keys, options.directory(token.kind()), Clock.systemUTC(), voice::say);
        List<LinkConnector> connectors = new ArrayList<>(LinkConnector.all(
                GatewayUrls.canonical(token.gateways()), holder.pin(), holder.jwt(), keys, options.proxies(holder)));
        LinkConnector.renewing(connectors, renewed.jwt(), renewed::offer);
        renewed.start(jwt -> connectors.forEach(one -> one.show(jwt)));
        Collections.shuffle(connectors); // so that clients spread over their gateways, also when one has gone
        Joining joining = new Joining(joined, token.id(), voice);
        Uplink uplink = new Uplink(
                loop,
                connectors.stream().map(joining::before).toList(),
                LinkSettings.DEFAULT,
                TokenGrants.of(token),
                wanted,
                session,
                voice);
        joining.onlyWhile(uplink::isFree);
        return new TokenUplink(uplink, renewed, joining);
    }

    public Uplink uplink() {
        return uplink;
    }

    /** The last round trip to the gateway in µs, whoever has the link to it; 0 when it is not known. Event loop. */
    public long roundTripMicros() {
        long here = uplink.status().rttMicros();
        return here == 0 ? 0 : here + joining.beyondMicros();
    }

    /** The token as it is now; not verified. Any thread. */
    public Token token() {
        return renewed.token();
    }

    /** Tokens are handed over no more; the uplink is stopped by who started it. */
    @Override
    public void close() {
        renewed.close();
    }
}
