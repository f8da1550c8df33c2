package dev.culvert.gateway;

import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.certificate.acme.AcmeSettings;
import dev.culvert.gateway.door.ProxiesInFront;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What serves published names beside the gateway's own port.
 *
 * @param http where browsers come in the clear, to be sent to https, and certificate authorities; null for nowhere
 * @param certificates of published names, in files
 * @param acme how others are obtained; null for not at all
 * @param proxies what stands between visitors and the gateway
 */
public record PublishingSettings(
        @Nullable InetSocketAddress http,
        List<FileCertificates.Pair> certificates,
        @Nullable AcmeSettings acme,
        ProxiesInFront proxies) {
    /** The gateway's own port, without a certificate of a published name. */
    public static final PublishingSettings NONE = new PublishingSettings(null, List.of(), null, ProxiesInFront.NONE);

    public PublishingSettings {
        certificates = List.copyOf(certificates);
    }

    /** With nothing in front. */
    public PublishingSettings(
            @Nullable InetSocketAddress http, List<FileCertificates.Pair> certificates, @Nullable AcmeSettings acme) {
        this(http, certificates, acme, ProxiesInFront.NONE);
    }

    public PublishingSettings proxies(ProxiesInFront inFront) {
        return new PublishingSettings(http, certificates, acme, inFront);
    }
}
