package dev.culvert.gateway;

import dev.culvert.address.AddressText;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import dev.culvert.command.control.Questions;
import dev.culvert.command.metrics.MetricsSource;
import dev.culvert.gateway.access.FileWatch;
import dev.culvert.gateway.access.GatewayAddresses;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.access.PolicyKeeper;
import dev.culvert.gateway.access.PolicySource;
import dev.culvert.gateway.access.SharedPolicy;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.audit.AuditRecord;
import dev.culvert.gateway.certificate.CertificateKeeper;
import dev.culvert.gateway.certificate.OwnTls;
import dev.culvert.gateway.cluster.Attached;
import dev.culvert.gateway.cluster.Cluster;
import dev.culvert.gateway.cluster.Member;
import dev.culvert.gateway.dashboard.Sight;
import dev.culvert.gateway.door.Authenticator;
import dev.culvert.gateway.door.Door;
import dev.culvert.gateway.door.OwnNames;
import dev.culvert.gateway.door.Visitors;
import dev.culvert.gateway.fabric.Fabric;
import dev.culvert.gateway.fabric.Handover;
import dev.culvert.gateway.fabric.LinkCutter;
import dev.culvert.gateway.instance.Instances;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.memory.MemoryGuard;
import dev.culvert.gateway.presence.Links;
import dev.culvert.gateway.presence.PresentLink;
import dev.culvert.gateway.publish.PublicPort;
import dev.culvert.gateway.publish.PublicationAnswers;
import dev.culvert.gateway.publish.Publications;
import dev.culvert.gateway.publish.PublishedFlows;
import dev.culvert.gateway.status.GatewayMetrics;
import dev.culvert.gateway.status.StatusQuestion;
import dev.culvert.store.StateException;
import dev.culvert.store.Watch;
import dev.culvert.token.Token;
import dev.culvert.token.sign.TokenVerifier;
import dev.culvert.token.state.DrainedAgents;
import dev.culvert.token.state.Revocations;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.state.TrustFiles;
import dev.culvert.tunnel.frame.Drain;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.loop.EventLoops;
import io.netty.channel.EventLoopGroup;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A running gateway: the parts that it is made of, how they begin and how they end. */
public final class Gateway implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Gateway.class);

    /** What peers are told in DRAIN and Close. */
    private static final String GOING = "the gateway is shutting down";

    // How long each step of the end may take; on an idle machine a second together, and mostly a tenth of that.

    /** Flows that end with their links may end in peace after DRAIN: a request that is under way. The others go on without us. */
    private static final Duration MORTAL_FLOWS = Duration.ofMillis(400);

    /** Beyond the spread that they were named, those who go on by another gateway have so long to find one that takes them. */
    private static final Duration MOVE = Duration.ofSeconds(5);

    /** All links stop being read: a turn of each loop. */
    private static final Duration STOP_READING = Duration.ofMillis(50);

    /** What has been received is written. Datagrams would be lost else; of streams it would be sent again. */
    private static final Duration FLUSH = Duration.ofMillis(150);

    /** Peers answer the Close, so that none misses it: some round trips. */
    private static final Duration CLOSE = Duration.ofMillis(300);

    /** For the closing of what is left, and for flows to be written down: a hundred thousand take a while. */
    private static final Duration LAST = Duration.ofMillis(1_200);

    private static final Duration POLL = Duration.ofMillis(10);

    /** Links that come back in a second, when they are told to spread: half of what one thread lets in (see {@link Door}). */
    static final int RETURNS_PER_SECOND = 500;

    /** However many there are: clients take agents for gone that are not back after so long. */
    static final Duration MAX_SPREAD = Duration.ofSeconds(30);

    /** What {@link #close} takes at most: the longest spread, and all of its steps; a second or less where nobody is waited for. */
    public static final Duration CLOSING = MAX_SPREAD.plus(MOVE).plusSeconds(5);

    private final Services services;
    private final Links links = new Links();
    private final PolicyInForce policyInForce;
    private final PolicyKeeper policy;
    private final Publications publications;
    private final Fabric fabric;
    private final @Nullable CertificateKeeper certificate;
    private final EventLoopGroup loops;
    private final Publishing publishing;
    private final Door door;
    private final MemoryGuard memory;

    /** The gateways of its store; null where that is one's alone. */
    private @Nullable Cluster cluster;

    private final FileWatch files = new FileWatch();
    private volatile boolean hurried;
    private final Questions questions = new Questions("gateway", version());
    private final StatusQuestion status;

    /**
     * Starts listening.
     *
     * @throws IOException with one line for people
     */
    public Gateway(GatewaySettings settings) throws IOException {
        StateDirectory state = settings.state();
        PolicySource policySource = policySource(settings);
        services = Services.of(settings.audit());
        GatewayAddresses addresses = new GatewayAddresses(services.nanoTime());
        policyInForce = new PolicyInForce(SensitiveAddresses.with(addresses.known()));
        policy = new PolicyKeeper(policySource, policyInForce, services.audit(), services.clock());
        Revocations revocations;
        TrustFiles trust;
        Watch<DrainedAgents.Content> drained;
        Handover handover;
        Authenticator authenticator;
        OwnNames own;
        try {
            revocations = state.revocations();
            trust = state.trust();
            drained = state.drainedAgents().watch();
            handover = new Handover(state.renewals(), revocations, links, services.audit());
            authenticator = new Authenticator(
                    new TokenVerifier(trust::current, services.clock()), revocations, state.enrolments(), services);
            policy.start(settings.policy() != null);
            own = ownNames(settings);
            certificate = settings.secure()
                    ? new CertificateKeeper(state, settings.names(), services.clock(), services.nanoTime())
                    : null;
        } catch (IOException | RuntimeException e) {
            policy.close();
            services.audit().close();
            throw e;
        }
        publications = new Publications(
                policyInForce,
                token -> trust.current().key(token.keyId()) == null || revocations.isRevoked(token),
                services.lines(),
                services.clock());
        fabric = new Fabric(
                services,
                links,
                policyInForce,
                publications,
                revocations::isRevoked,
                token -> trust.current().key(token.keyId()) == null
                        || revocations.isRevoked(Token.Kind.CLIENT, token.id(), token.name(), token.issuedAt()));
        loops = EventLoops.create(settings.threads(), "gateway");
        try {
            publishing = new Publishing(
                    publications,
                    settings.publishing(),
                    own,
                    state.path(),
                    state.shared(),
                    services,
                    fabric,
                    links,
                    policyInForce,
                    loops,
                    settings.threads());
        } catch (IOException | RuntimeException e) {
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
            publications.close();
            policy.close();
            services.audit().close();
            throw e;
        }
        door = new Door(
                services,
                links,
                fabric,
                authenticator,
                certificate == null
                        ? null
                        : new OwnTls(certificate::served, settings.publishing().publicNames(), publishing.source()),
                own,
                publishing.door(),
                settings.publishing().proxies(),
                loops,
                settings.threads(),
                settings.link());
        memory = new MemoryGuard(door.strangers(), links, publishing.visitors(), services.counters());
        try {
            publications.reserve(own.all(), Set.of()); // its ports are known when they are open
            door.open(settings.listen());
            InetSocketAddress http = settings.publishing().http();
            if (http != null) {
                door.openInTheClear(http, publishing.door(), door.address().getPort());
            }
            Set<PublicPort> ports = new HashSet<>(
                    Set.of(new PublicPort(Transport.TCP, door.address().getPort())));
            if (http != null) {
                ports.add(new PublicPort(Transport.TCP, http.getPort()));
            }
            publications.reserve(own.all(), ports);
            cluster = Cluster.in(
                    state.shared(),
                    Member.of(settings.url(), door.address(), version(), services.clock()),
                    () -> Attached.now(
                            fabric.presence(), links, services.clientFlows().total()),
                    fabric.presence()::connectedAgents,
                    fabric.presence()::others,
                    services);
        } catch (IOException | RuntimeException e) {
            closeParts();
            throw e;
        }
        watch(revocations, trust, addresses, handover);
        fabric.presence().drained(drained.current()::holds);
        files.add(drained::refresh, () -> fabric.presence().drained(drained.current()::holds));
        publishing.start(door, files);
        policy.watch();
        memory.start();
        if (cluster != null) {
            cluster.start();
        }
        if (certificate != null) {
            certificate.start();
        }
        PublicationAnswers published =
                new PublicationAnswers(publications, publishing::certificate, publishing.instances()::shown);
        status = new StatusQuestion(
                version(),
                services.clock().instant(),
                door.address(),
                state,
                services,
                links,
                fabric.presence(),
                policy,
                certificate,
                publishing::certificates,
                published::list,
                cluster,
                door.strangers()::count);
        questions.add("status", "who is connected, what is in force, what was counted", status);
        published.in(questions);
        tell(true);
    }

    private static String version() {
        return Objects.requireNonNullElse(Gateway.class.getPackage().getImplementationVersion(), "(development build)");
    }

    private void watch(Revocations revocations, TrustFiles trust, GatewayAddresses addresses, Handover handover) {
        LinkCutter cutter = new LinkCutter(revocations, links, services.audit());
        files.add(revocations::refresh, () -> {
            cutter.cutRevoked();
            publications.changed();
        });
        files.add(handover, () -> {});
        files.add(trust::refresh, () -> {
            cutter.cutRetired(trust.current());
            publications.changed();
        });
        files.add(
                () -> {
                    services.lines().tell();
                    publications.lookAtClock();
                    return false;
                },
                () -> {});
        files.add(addresses, () -> policy.ownAddresses(SensitiveAddresses.with(addresses.known())));
    }

    private static PolicySource policySource(GatewaySettings settings) throws StateException {
        StateDirectory state = settings.state();
        try {
            return SharedPolicy.choose(settings.policy(), state.path(), state.isOfCluster() ? state.shared() : null);
        } catch (StateException e) {
            settings.audit().close();
            throw e;
        }
    }

    /** Those of its certificates, and by which tokens say that it is found. */
    private static OwnNames ownNames(GatewaySettings settings) throws StateException {
        List<String> names = new ArrayList<>(settings.names());
        names.addAll(settings.publishing().publicNames());
        settings.state().gatewayUrls().forEach(url -> names.add(AddressText.host(url)));
        return new OwnNames(names);
    }

    private void tell(boolean started) {
        AuditLog audit = services.audit();
        audit.add(new AuditRecord.Gateway(
                audit.clock().instant(), started, Gateway.class.getPackage().getImplementationVersion()));
    }

    /** Where it listens. */
    public InetSocketAddress address() {
        return door.address();
    }

    /** What it answers on a control socket, while it runs. */
    public Questions questions() {
        return questions;
    }

    /**
     * What it measures, while it runs.
     *
     * @param clients whether of each client, too, by name
     */
    public MetricsSource metrics(boolean clients) {
        return new GatewayMetrics(status, clients);
    }

    /** What there is to see of it, while it runs. */
    public Sight sight() {
        return new Sight(status, fabric);
    }

    /**
     * Reads the policy again, whether it has changed or not. From any thread.
     *
     * @return completes when it was read, whatever came of it
     */
    public CompletableFuture<Void> reloadPolicy() {
        return policy.reloadSoon();
    }

    Services services() {
        return services;
    }

    Links links() {
        return links;
    }

    Fabric fabric() {
        return fabric;
    }

    PolicyInForce policyInForce() {
        return policyInForce;
    }

    /** What is published, and what is not and why. */
    public Publications publications() {
        return publications;
    }

    EventLoopGroup loops() {
        return loops;
    }

    Visitors visitors() {
        return publishing.visitors();
    }

    Instances instances() {
        return publishing.instances();
    }

    PublishedFlows published() {
        return publishing.flows();
    }

    Door door() {
        return door;
    }

    /** Over what time so many links come back. */
    static Duration spread(int links) {
        Duration spread = Duration.ofMillis(1_000L * links / RETURNS_PER_SECOND);
        return spread.compareTo(MAX_SPREAD) < 0 ? spread : MAX_SPREAD;
    }

    /** Whoever stops it does not want to wait for clients that go on by other gateways. From any thread. */
    public void hurry() {
        hurried = true;
    }

    /**
     * Closes the port, tells every peer that it goes, writes what it has received, then closes every connection. Clients that have
     * another gateway to go on by are waited for; else nothing is: flows go on when their ends have found a gateway again. From any
     * thread but a loop's.
     */
    @Override
    public void close() {
        if (cluster != null) {
            cluster.close(); // first: nobody is to be sent here any more
        }
        door.shut();
        Drain drain = new Drain(GOING, spread(links.count()), cluster == null ? List.of() : cluster.urlsOfOthers());
        Set<PresentLink> told = new HashSet<>();
        BooleanSupplier allMoved = () -> {
            List<PresentLink> there = links.all(); // some were about to be let in
            there.stream().filter(told::add).forEach(link -> link.drain(drain));
            return hurried || there.stream().noneMatch(link -> link.moves() && !isGone(link));
        };
        await(spread(links.count()).plus(MOVE), allMoved);
        List<Future<?>> ended = publishing.stop(GOING);
        await(FLUSH, () -> ended.stream().allMatch(Future::isDone)); // nobody else could resume them
        List<PresentLink> all = links.all();
        await(MORTAL_FLOWS, () -> all.stream().allMatch(link -> link.mortalFlowCount() == 0));
        flush(all);
        all.forEach(link -> link.close(Link.CLOSE_GOING, GOING));
        await(CLOSE, () -> all.stream().allMatch(link -> link.closeFuture().isDone()));
        door.closeConnections(LAST.toMillis());
        await(LAST, () -> links.count() == 0); // their flows still end, and are written down
        log.info("closed; {}", services.counters());
        tell(false);
        closeParts();
    }

    private static boolean isGone(PresentLink link) {
        return link.closeFuture().isDone();
    }

    /** None is looked at before all have stopped reading: what another has read last may still be for it. */
    static void flush(List<PresentLink> all) {
        await(STOP_READING, all, PresentLink::stopReading);
        await(FLUSH, all, PresentLink::flush);
    }

    private static void await(Duration most, List<PresentLink> all, Function<PresentLink, Future<?>> step) {
        List<Future<?>> done = new ArrayList<>();
        all.forEach(link -> done.add(step.apply(link)));
        await(most, () -> done.stream().allMatch(Future::isDone));
    }

    private static void await(Duration most, BooleanSupplier done) {
        long end = System.nanoTime() + most.toNanos();
        while (System.nanoTime() - end < 0 && !done.getAsBoolean()) {
            LockSupport.parkNanos(POLL.toNanos());
        }
    }

    private void closeParts() {
        if (cluster != null) {
            cluster.close();
        }
        publishing.close();
        policy.close();
        publications.close();
        memory.close();
        if (certificate != null) {
            certificate.close();
        }
        door.close();
        files.close();
        services.audit().close();
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(1, TimeUnit.SECONDS);
    }
}
