package dev.culvert.gateway;

import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.certificate.acme.AcmeSettings;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What serves published names beside the gateway's own port.
 *
 * @param http where browsers come in the clear, to be sent to https, and certificate authorities; null for nowhere
 * @param certificates of published names, in files
 * @param acme how others are obtained; null for not at all
 */
public record PublishingSettings(
        @Nullable InetSocketAddress http,
        List<FileCertificates.Pair> certificates,
        @Nullable AcmeSettings acme) {
    /** The gateway's own port, without a certificate of a published name. */
    public static final PublishingSettings NONE = new PublishingSettings(null, List.of(), null);

    public PublishingSettings {
        certificates = List.copyOf(certificates);
    }
}
