package dev.culvert.gateway;

import dev.culvert.address.HostPattern;
import dev.culvert.gateway.access.FileWatch;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.accesslog.AccessLog;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.ExpiryWarnings;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.gateway.certificate.NoCertificates;
import dev.culvert.gateway.certificate.acme.AcmeCertificates;
import dev.culvert.gateway.certificate.acme.AddressPrecheck;
import dev.culvert.gateway.door.Door;
import dev.culvert.gateway.door.OwnNames;
import dev.culvert.gateway.door.PublishedDoor;
import dev.culvert.gateway.door.PublishedPorts;
import dev.culvert.gateway.door.PublishedSites;
import dev.culvert.gateway.door.Targets;
import dev.culvert.gateway.door.Visitors;
import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.instance.HealthChecks;
import dev.culvert.gateway.instance.InstanceMarks;
import dev.culvert.gateway.instance.Instances;
import dev.culvert.gateway.instance.TargetLook;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.login.PasswordChecks;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.publish.OwnSessions;
import dev.culvert.gateway.publish.PublicationTable;
import dev.culvert.gateway.publish.Publications;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.store.Store;
import dev.culvert.token.Grant;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What serves the names and ports that are published: flows, certificates, the door's part for them, ports. */
final class Publishing implements AutoCloseable {
    /** Turns of each event loop, before the first thing is published. */
    private static final long UP_MILLIS = 5_000;

    private final Publications publications;
    private final EventLoopGroup loops;
    private final OwnSessions sessions;
    private final PublishedFlows flows;
    private final Instances instances;
    private final HealthChecks health;
    private final @Nullable AcmeCertificates obtained;
    private final FileCertificates own;
    private final CertificateSource certificates;
    private final List<String> publicNames;
    private final ExpiryWarnings expiry;
    private final Clock clock;
    private final PublishedSites sites;
    private final PasswordChecks passwords = new PasswordChecks();
    private final PublishedDoor door;
    private final Visitors visitors;
    private final @Nullable AccessLog access;
    private @Nullable PublishedPorts ports;

    /**
     * @param ownNames what the gateway is called
     * @param state directory for what is noted of flows
     * @param shared where certificates that were obtained are kept, and the key of marks
     * @param loops event loops of links
     * @param threads how many those are
     * @throws IOException with one line for people
     */
    Publishing(
            Publications publications,
            PublishingSettings settings,
            OwnNames ownNames,
            Path state,
            Store shared,
            Services services,
            Fabric fabric,
            Links links,
            PolicyInForce policy,
            EventLoopGroup loops,
            int threads)
            throws IOException {
        this.publications = publications;
        this.loops = loops;
        this.clock = services.clock();
        publicNames = settings.publicNames();
        own = new FileCertificates(settings.certificates());
        obtained = settings.acme() == null
                ? null
                : new AcmeCertificates(
                        shared,
                        settings.acme(),
                        new AddressPrecheck(settings.acme().addresses()),
                        () -> names().filter(name -> own.find(name) == null).collect(Collectors.toSet()),
                        services.clock());
        certificates = CertificateSource.first(
                obtained == null
                        ? List.of(own, new NoCertificates(false))
                        : List.of(own, obtained, new NoCertificates(true)));
        expiry = new ExpiryWarnings(this::certificates, clock);
        PublishingSettings.Access logs = settings.access();
        access = logs == null ? null : AccessLog.in(logs.directory(), logs.format(), clock);
        sessions = OwnSessions.begin(() -> state, threads);
        flows = new PublishedFlows(fabric, links, loops, policy, sessions);
        visitors = new Visitors(settings.proxies());
        instances = new Instances(
                fabric.presence()::instances,
                services.nanoTime(),
                n -> ThreadLocalRandom.current().nextInt(n));
        Targets targets = new Targets(flows, instances, InstanceMarks.in(shared), visitors);
        sites = new PublishedSites(publications::table, targets);
        health = new HealthChecks(
                loops.next(),
                () -> publications.table().all(),
                instances,
                new TargetLook(loops::next, targets::look),
                services.lines(),
                clock,
                () -> ThreadLocalRandom.current().nextDouble());
        door = new PublishedDoor(
                publications::table,
                flows,
                instances,
                sites,
                visitors,
                passwords,
                certificates,
                obtained == null ? Challenges.NONE : obtained,
                ownNames,
                settings.proxies(),
                loops,
                access);
    }

    PublishedFlows flows() {
        return flows;
    }

    /** All names, also wildcards, that want a certificate of a source. */
    private Stream<String> names() {
        return Stream.concat(
                publicNames.stream(),
                publications.table().certificateNames().stream().map(HostPattern::toString));
    }

    /** Where certificates come from. */
    CertificateSource source() {
        return certificates;
    }

    Visitors visitors() {
        return visitors;
    }

    /** Which serve what is published. */
    Instances instances() {
        return instances;
    }

    PublishedDoor door() {
        return door;
    }

    /** How it stands with the certificates of all names, in their order. Never blocks; from any thread. */
    List<CertificateState> certificates() {
        return names().distinct().sorted().map(this::certificate).toList();
    }

    /** How it stands with the certificate of a name, perhaps a wildcard. Never blocks; from any thread. */
    CertificateState certificate(String name) {
        return Objects.requireNonNull(certificates.state(name, clock.instant()));
    }

    /** Serves what is published from now on. Blocks. */
    void start(Door gateway, FileWatch files) {
        PublishedPorts opened = new PublishedPorts(door, publications::table, gateway, loops);
        ports = opened;
        publications.add(new Publications.Listener() {
            @Override
            public void publicationsChanging(PublicationTable before, PublicationTable next) {
                // Whoever finds something in either table may open it.
                List<Grant> both = Stream.of(before, next)
                        .flatMap(table -> table.targets().stream())
                        .distinct()
                        .toList();
                Future<?> up = flows.targets(both);
                if (!both.isEmpty()) {
                    up.awaitUninterruptibly(UP_MILLIS);
                }
            }

            @Override
            public void publicationsChanged(PublicationTable now) {
                flows.targets(now.targets());
                opened.follow(now);
                sites.follow(now);
                if (access != null) {
                    access.follow(now.all().stream()
                            .map(published -> published.publication().at().toString())
                            .toList());
                }
                if (obtained != null) {
                    obtained.lookSoon();
                }
            }
        });
        health.start();
        files.add(own::refresh, () -> {});
        files.add(
                () -> {
                    door.prepare(publications.table().certificateNames().stream()
                            .map(HostPattern::toString)
                            .toList());
                    return false;
                },
                () -> {});
        files.add(
                () -> {
                    expiry.look();
                    return false;
                },
                () -> {});
        files.add(
                () -> {
                    opened.tryAgain(System.nanoTime());
                    return false;
                },
                () -> {});
        if (obtained != null) {
            obtained.start();
        }
    }

    /** Ends all flows, at the agents too: nobody else could go on with them. */
    List<Future<?>> stop(String why) {
        if (ports != null) {
            ports.close();
        }
        return flows.stop(why);
    }

    @Override
    public void close() {
        health.stop();
        passwords.close();
        if (ports != null) {
            ports.close();
        }
        if (obtained != null) {
            obtained.close();
        }
        sessions.close();
        if (access != null) {
            access.close();
        }
    }
}
