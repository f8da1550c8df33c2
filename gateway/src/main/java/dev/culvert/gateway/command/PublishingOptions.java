package dev.culvert.gateway.command;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.PublishingSettings;
import dev.culvert.gateway.accesslog.AccessFormat;
import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.certificate.acme.AcmeSettings;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.gateway.certificate.dns.DnsSettings;
import dev.culvert.gateway.door.ProxiesInFront;
import dev.culvert.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code gateway} command's options about what is published, and its certificates. */
final class PublishingOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--http",
            paramLabel = "[HOST]:PORT",
            description = {
                "Listen there for browsers in the clear as well, mostly :80: those of published names are sent to"
                        + " https,",
                "and certificate authorities are answered. Default: nowhere."
            })
    @Nullable
    String http;

    @Option(
            names = "--certificate",
            paramLabel = "CHAIN[,KEY]",
            description = "A certificate of published names, as PEM files, read again when they change; repeatable.")
    List<String> certificates = new ArrayList<>();

    @Option(
            names = "--public-name",
            paramLabel = "NAME",
            description = {
                "A name or address of the gateway itself whose certificate is of --certificate or --acme as well, for"
                        + " browsers and",
                "tokens made with --public-certificate; repeatable. Tokens with a pin go on with the gateway's own."
            })
    List<String> publicNames = new ArrayList<>();

    @Option(
            names = "--acme",
            paramLabel = "CA",
            description = {
                "Obtain certificates of published names from there: letsencrypt, letsencrypt-staging, zerossl or an"
                        + " https URL,",
                "then ,eab=KEY-ID:FILE and ,profile=NAME as needed; repeatable, the next is asked when one does not"
                        + " give."
            })
    List<String> acme = new ArrayList<>();

    @Option(
            names = "--acme-dns",
            paramLabel = "HOW",
            description = {
                "How names are proved in the DNS, which wildcards need: rfc2136:SERVER[:PORT],key=NAME:FILE for"
                        + " dynamic updates,",
                "or exec:/path/of/program; with ,zone=ZONE for names in it only; repeatable."
            })
    List<String> acmeDns = new ArrayList<>();

    @Option(names = "--acme-accept-terms", description = "Accept those authorities' terms of service.")
    boolean acceptTerms;

    @Option(names = "--acme-contact", paramLabel = "MAIL", description = "Where those authorities may write to.")
    @Nullable
    String contact;

    @Option(
            names = "--acme-trust",
            paramLabel = "FILE",
            description =
                    "PEM certificates by which those authorities' own servers are trusted. Default: the system's.")
    @Nullable
    Path trust;

    @Option(
            names = "--proxy-protocol-from",
            paramLabel = "CIDR",
            split = ",",
            description = {
                "Balancers in front, which begin each connection with a PROXY protocol header (version 1 or 2) that"
                        + " says",
                "whose it is; it is read from no others, and connections of theirs without one are closed. Repeatable."
            })
    List<String> balancers = new ArrayList<>();

    @Option(
            names = "--trusted-proxy",
            paramLabel = "CIDR",
            split = ",",
            description = {
                "HTTP proxies and CDNs in front, which are believed in X-Forwarded-For, Forwarded and the like: the"
                        + " visitor",
                "is the last whom they name and who is none of them. Repeatable."
            })
    List<String> trusted = new ArrayList<>();

    @Option(
            names = "--access-log",
            paramLabel = "DIR",
            description = {
                "Write a line for each request and connection to what is published there, into a file for each"
                        + " publication,",
                "such as app.example.com.log; they are put aside at 64 MiB, and seven kept. Default: none is written."
            })
    @Nullable
    Path accessLog;

    @Option(
            names = "--access-log-format",
            paramLabel = "FORMAT",
            description =
                    "combined, as Apache httpd and nginx have it, or json, with all that is known. Default: combined.")
    @Nullable
    String accessFormat;

    /** Used by picocli. */
    PublishingOptions() {}

    /** @throws ParameterException for what makes no sense */
    PublishingSettings settings() {
        List<FileCertificates.Pair> pairs = certificates.stream()
                .map(text -> text.split(",", 2))
                .map(parts -> new FileCertificates.Pair(Path.of(parts[0]), Path.of(parts[parts.length - 1])))
                .toList();
        return new PublishingSettings(
                http == null ? null : GatewayCommand.parseListen("--http", http),
                pairs,
                acmeSettings(),
                new ProxiesInFront(prefixes("--proxy-protocol-from", balancers), prefixes("--trusted-proxy", trusted)),
                names(),
                access());
    }

    private PublishingSettings.@Nullable Access access() {
        String format = accessFormat;
        if (accessLog == null) {
            if (format != null) {
                throw new ParameterException(
                        spec.commandLine(), "--access-log-format: say where it is written, with --access-log DIR");
            }
            return null;
        }
        if (format == null) {
            return new PublishingSettings.Access(accessLog, AccessFormat.COMBINED);
        }
        for (AccessFormat each : AccessFormat.values()) {
            if (each.name().equalsIgnoreCase(format)) {
                return new PublishingSettings.Access(accessLog, each);
            }
        }
        throw new ParameterException(
                spec.commandLine(), "--access-log-format '" + Printable.shorten(format) + "': write combined or json");
    }

    private List<IpPrefix> prefixes(String option, List<String> texts) {
        try {
            return texts.stream().map(IpPrefix::parse).toList();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), option + ": " + e.getMessage());
        }
    }

    private List<String> names() {
        if (!publicNames.isEmpty() && certificates.isEmpty() && acme.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--public-name: nobody is to give its certificate; name a file with --certificate, or an authority"
                            + " with --acme");
        }
        List<String> names = new ArrayList<>();
        for (String text : publicNames) {
            String name = Certificate.normalize(text);
            if (name == null || name.startsWith("*.")) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--public-name '" + Printable.shorten(text)
                                + "': write a name or an address, such as vpn.example.com");
            }
            names.add(name);
        }
        return names;
    }

    private @Nullable AcmeSettings acmeSettings() {
        if (acme.isEmpty()) {
            if (!acmeDns.isEmpty()) {
                throw new ParameterException(
                        spec.commandLine(), "--acme-dns: name the authority that is to look there, with --acme");
            }
            return null;
        }
        if (!acceptTerms) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--acme: the authority gives certificates to who accepts its terms of service; read them, and add"
                            + " --acme-accept-terms");
        }
        try {
            // Without --http nobody would answer on port 80, and the attempt would count against the name.
            List<Proof> proofs = new ArrayList<>(List.of(Proof.values()));
            proofs.removeIf(proof -> proof == Proof.HTTP_01 && http == null);
            return AcmeSettings.of(acme.stream().map(Server::parse).toList(), true)
                    .contact(contact)
                    .trusted(trust)
                    .challenges(proofs)
                    .dns(dnsSettings());
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--acme: " + e.getMessage());
        }
    }

    private List<DnsSettings> dnsSettings() {
        try {
            return acmeDns.stream().map(DnsSettings::parse).toList();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--acme-dns: " + e.getMessage());
        }
    }
}
