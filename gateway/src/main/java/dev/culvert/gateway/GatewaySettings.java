package dev.culvert.gateway;

import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.link.LinkSettings;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Gateway} is to be like.
 *
 * @param state keys and certificates
 * @param listen address and port; port 0 for any
 * @param secure TLS ({@code wss}), or plain {@code ws} behind a proxy that ends TLS
 * @param names host names and addresses for the certificate
 * @param threads event loops of links; those of strangers come on top
 * @param link how links are kept alive
 * @param audit what happens is told here; the gateway closes it
 * @param url which of the gateways' URLs is its own, where there are several; null if nobody said
 * @param publishing what serves published names beside the gateway's own port
 * @param policy policy beside the tokens' grants; null for {@code policy.yaml} in the state directory, should there be one
 */
public record GatewaySettings(
        StateDirectory state,
        InetSocketAddress listen,
        boolean secure,
        Collection<String> names,
        int threads,
        LinkSettings link,
        AuditLog audit,
        @Nullable Path policy,
        @Nullable URI url,
        PublishingSettings publishing) {
    /** With TLS, one event loop, and without an audit log. */
    public static GatewaySettings of(StateDirectory state, InetSocketAddress listen) {
        return new GatewaySettings(
                state,
                listen,
                true,
                List.of(),
                1,
                LinkSettings.DEFAULT,
                AuditLog.none(),
                null,
                null,
                PublishingSettings.NONE);
    }

    public GatewaySettings secure(boolean tls) {
        return new GatewaySettings(state, listen, tls, names, threads, link, audit, policy, url, publishing);
    }

    public GatewaySettings names(Collection<String> forCertificate) {
        return new GatewaySettings(
                state, listen, secure, forCertificate, threads, link, audit, policy, url, publishing);
    }

    public GatewaySettings threads(int loops) {
        return new GatewaySettings(state, listen, secure, names, loops, link, audit, policy, url, publishing);
    }

    public GatewaySettings link(LinkSettings settings) {
        return new GatewaySettings(state, listen, secure, names, threads, settings, audit, policy, url, publishing);
    }

    public GatewaySettings audit(AuditLog log) {
        return new GatewaySettings(state, listen, secure, names, threads, link, log, policy, url, publishing);
    }

    public GatewaySettings policy(@Nullable Path file) {
        return new GatewaySettings(state, listen, secure, names, threads, link, audit, file, url, publishing);
    }

    public GatewaySettings url(@Nullable URI own) {
        return new GatewaySettings(state, listen, secure, names, threads, link, audit, policy, own, publishing);
    }

    public GatewaySettings publishing(PublishingSettings names) {
        return new GatewaySettings(state, listen, secure, this.names, threads, link, audit, policy, url, names);
    }
}
