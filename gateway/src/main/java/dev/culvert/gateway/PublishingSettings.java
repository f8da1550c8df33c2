package dev.culvert.gateway;

import dev.culvert.gateway.accesslog.AccessFormat;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.certificate.acme.AcmeSettings;
import dev.culvert.gateway.door.ProxiesInFront;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What serves published names beside the gateway's own port.
 *
 * @param http where browsers come in the clear, to be sent to https, and certificate authorities; null for nowhere
 * @param certificates of published names, in files
 * @param acme how others are obtained; null for not at all
 * @param proxies what stands between visitors and the gateway
 * @param publicNames names and addresses of the gateway itself that such certificates are for as well
 * @param access where visitors are logged; null for nowhere
 */
public record PublishingSettings(
        @Nullable InetSocketAddress http,
        List<FileCertificates.Pair> certificates,
        @Nullable AcmeSettings acme,
        ProxiesInFront proxies,
        List<String> publicNames,
        @Nullable Access access) {
    /**
     * How visitors are logged.
     *
     * @param directory for a file of each publication
     */
    public record Access(Path directory, AccessFormat format) {}

    /** The gateway's own port, without a certificate of a published name. */
    public static final PublishingSettings NONE = new PublishingSettings(null, List.of(), null);

    public PublishingSettings {
        certificates = List.copyOf(certificates);
        publicNames = List.copyOf(publicNames);
    }

    /** With nothing in front. */
    public PublishingSettings(
            @Nullable InetSocketAddress http, List<FileCertificates.Pair> certificates, @Nullable AcmeSettings acme) {
        this(http, certificates, acme, ProxiesInFront.NONE, List.of(), null);
    }

    public PublishingSettings proxies(ProxiesInFront inFront) {
        return new PublishingSettings(http, certificates, acme, inFront, publicNames, access);
    }

    public PublishingSettings publicNames(List<String> own) {
        return new PublishingSettings(http, certificates, acme, proxies, own, access);
    }

    public PublishingSettings access(@Nullable Access log) {
        return new PublishingSettings(http, certificates, acme, proxies, publicNames, log);
    }
}
