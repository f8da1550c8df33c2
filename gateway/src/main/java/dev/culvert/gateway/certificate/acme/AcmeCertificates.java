package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.CertificateSource;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.gateway.certificate.TrustedCertificates;
import dev.culvert.gateway.certificate.dns.DnsProvers;
import dev.culvert.store.Store;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.Closeable;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Certificates obtained and renewed by ACME, for as long as their names are wanted. */
public final class AcmeCertificates implements CertificateSource, Challenges, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(AcmeCertificates.class);

    /** How often is looked what is due; what is wanted newly can be told by {@link #lookSoon}. */
    private static final Duration TICK = Duration.ofSeconds(1);

    /** How often is looked what another gateway has published; shorter than {@link PublishedChallenges#SEEN_WITHIN}. */
    private static final Duration CHALLENGES = Duration.ofMillis(200);

    private final CertificateWork work;
    private final PublishedChallenges published;
    private final @Nullable DnsProofs dns;
    private final ScheduledExecutorService thread = thread("gateway-acme");
    private final ScheduledExecutorService files = thread("gateway-acme-challenges");
    private final AcmeStore kept;
    private boolean mayHaveLeft = true; // whoever ran before this process
    private String complaint = "";

    /**
     * Reads what was obtained before.
     *
     * @param wanted the names, also wildcards, that are published and that a valid right names; asked each second, on the work's thread
     * @throws IOException with one line for people
     */
    public AcmeCertificates(
            Store store, AcmeSettings settings, Precheck precheck, Supplier<Set<String>> wanted, Clock clock)
            throws IOException {
        this(store, settings, precheck, wanted, clock, time -> TimeUnit.NANOSECONDS.sleep(time.toNanos()));
    }

    AcmeCertificates(
            Store store,
            AcmeSettings settings,
            Precheck precheck,
            Supplier<Set<String>> wanted,
            Clock clock,
            AcmeAuthority.Pause pause)
            throws IOException {
        kept = new AcmeStore(store);
        SSLContext tls = settings.trusted() == null ? null : TrustedCertificates.context(settings.trusted());
        List<Authority> authorities = new ArrayList<>();
        dns = settings.dns().isEmpty() ? null : new DnsProofs(store, new DnsProvers(settings.dns(), pause::of));
        settings.servers()
                .forEach(server -> authorities.add(new AcmeAuthority(settings, server, kept, tls, pause, dns)));
        published = new PublishedChallenges(store, clock);
        work = new CertificateWork(
                kept,
                authorities,
                published,
                precheck,
                this::isProvedByDns,
                () -> provable(wanted.get()),
                clock,
                new Random());
        work.load();
    }

    private boolean isProvedByDns(String name) {
        return dns != null && dns.serve(name);
    }

    /** A page or a certificate proves no wildcard (RFC 8555 section 7.1.3 leaves it to the authority; none does). */
    private Set<String> provable(Set<String> names) {
        return names.stream()
                .filter(name -> !name.startsWith("*.") || isProvedByDns(name))
                .collect(Collectors.toSet());
    }

    private static ScheduledExecutorService thread(String name) {
        return Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory(name, true));
    }

    /** Works from now on. */
    public void start() {
        thread.scheduleWithFixedDelay(this::tick, 0, TICK.toMillis(), TimeUnit.MILLISECONDS);
        files.scheduleWithFixedDelay(this::refresh, 0, CHALLENGES.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Looks as soon as nothing else is being done: a name is wanted that was not. From any thread. */
    public void lookSoon() {
        try {
            thread.execute(this::tick);
        } catch (RejectedExecutionException e) {
            log.debug("closing: nothing is obtained any more");
        }
    }

    /** Does what is due. */
    void tick() {
        try {
            mayHaveLeft |= work.tick();
            if (mayHaveLeft) {
                mayHaveLeft = !tidy();
            }
            complaint = "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closing; what was begun is gone on with after the next start
        } catch (IOException | RuntimeException | Error e) { // thrown out of here, it would end the work for good
            if (thread.isShutdown()) {
                log.debug("closing: {}", e.getMessage());
                return;
            }
            String text = String.valueOf(e.getMessage());
            if (!text.equals(complaint)) {
                complaint = text;
                log.error("certificates: {}", text, e instanceof IOException ? null : e);
            }
        }
    }

    /**
     * Takes away what was shown to authorities by a process that was killed: its order has been gone on with, or nobody wants it any
     * more.
     *
     * @return whether that is done; not while another gateway makes an order
     */
    private boolean tidy() throws IOException, InterruptedException {
        try (Closeable turn = kept.claim()) {
            if (turn == null) {
                return false;
            }
            published.withdraw();
            if (dns != null) {
                dns.sweep();
            }
            return true;
        }
    }

    /** Looks what another gateway has published. */
    void refresh() {
        try {
            published.refresh();
        } catch (IOException | RuntimeException | Error e) { // as above; the work complains of the store
            log.debug("challenges: {}", e.getMessage());
        }
    }

    @Override
    public @Nullable Certificate find(String serverName) {
        return work.find(serverName);
    }

    @Override
    public @Nullable CertificateState state(String serverName, Instant now) {
        return serverName.startsWith("*.") && !isProvedByDns(serverName) && find(serverName) == null
                ? CertificateState.without(
                        serverName,
                        null,
                        CertificateState.Standing.MISSING,
                        "a wildcard is proved in the DNS: say how records come there with --acme-dns, or name a file with"
                                + " --certificate",
                        null)
                : work.state(serverName, now);
    }

    @Override
    public @Nullable String keyAuthorization(String token) {
        return published.keyAuthorization(token);
    }

    @Override
    public @Nullable Certificate tlsAlpn(String serverName) {
        return published.tlsAlpn(serverName);
    }

    /** Ends the work at once, also in the middle of an order, which is gone on with after the next start. */
    @Override
    public void close() {
        thread.shutdownNow();
        files.shutdownNow();
    }
}
