package dev.culvert.gateway.certificate;

import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.link.KeyExchange;
import dev.culvert.tunnel.link.LinkProof;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.security.cert.CertificateEncodingException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate that the gateway shows, kept in force on a thread of its own: each minute, and at once when somebody has
 * set the clock, for a machine without a battery begins in another year than it goes on in.
 */
public final class CertificateKeeper implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(CertificateKeeper.class);

    static {
        // Ours speak TLS 1.3. BoringSSL renegotiates with nobody; the JDK's TLS 1.2 would, for ever, at our expense.
        if (System.getProperty("jdk.tls.rejectClientInitiatedRenegotiation") == null) {
            System.setProperty("jdk.tls.rejectClientInitiatedRenegotiation", "true");
        }
    }

    /** How often the certificate is looked at; it is renewed with a third of its life left. */
    static final Duration INTERVAL = Duration.ofMinutes(1);

    /** A clock that has moved by so much more or less than time has passed was set, or the machine slept. */
    static final Duration JUMP = Duration.ofSeconds(5);

    private static final Duration TICK = Duration.ofSeconds(1);

    private final StateDirectory state;
    private final List<String> names;
    private final Clock clock;
    private final LongSupplier nanoTime;
    private final ScheduledExecutorService thread =
            Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory("gateway-certificate", true));

    private volatile ServedTls served;
    private volatile X509Certificate leaf;
    private Instant lookedAt;
    private long lookedNanos;
    private String complaint = "";

    /**
     * Makes the certificate, or finds it.
     *
     * @param names host names and addresses for it
     * @throws IOException with one line for people
     */
    public CertificateKeeper(StateDirectory state, Collection<String> names, Clock clock, LongSupplier nanoTime)
            throws IOException {
        this.state = state;
        this.names = List.copyOf(names);
        this.clock = clock;
        this.nanoTime = nanoTime;
        ServerCertificate first = state.serverCertificate(this.names);
        served = serve(first);
        leaf = first.leaf();
        looked();
        complainOfTime();
    }

    private void looked() {
        lookedAt = clock.instant();
        lookedNanos = nanoTime.getAsLong();
    }

    /** What is in force. From any thread. */
    public ServedTls served() {
        return served;
    }

    /** The certificate that is shown. From any thread. */
    public X509Certificate leaf() {
        return leaf;
    }

    /** Looks from now on. */
    public void start() {
        thread.scheduleWithFixedDelay(this::tick, TICK.toMillis(), TICK.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Looks at the certificate if it is time to. */
    void tick() {
        Duration passed = Duration.ofNanos(nanoTime.getAsLong() - lookedNanos);
        Duration byClock = Duration.between(lookedAt, clock.instant());
        if (passed.compareTo(INTERVAL) < 0 && byClock.minus(passed).abs().compareTo(JUMP) <= 0) {
            return;
        }
        looked();
        try {
            ServerCertificate now = state.serverCertificate(names);
            if (!now.leaf().equals(leaf)) {
                served = serve(now);
                leaf = now.leaf();
                log.info(
                        "showing a certificate from {} to {}",
                        leaf.getNotBefore().toInstant(),
                        leaf.getNotAfter().toInstant());
            }
            if (!complainOfTime()) {
                complaint = "";
            }
        } catch (IOException | RuntimeException | Error e) { // thrown out of here, it would end the looks for good
            complain("the certificate could not be renewed, the old one stays: " + e.getMessage());
        }
    }

    private boolean complainOfTime() {
        Instant now = clock.instant();
        Instant begin = leaf.getNotBefore().toInstant();
        if (!now.isBefore(begin)) {
            return false;
        }
        complain("the certificate begins at " + begin + " and the clock says " + now.truncatedTo(ChronoUnit.SECONDS)
                + ": set the clock; if it is right, move ca.crt and server.crt away and start the gateway again (tokens stay"
                + " good, for the key stays)");
        return true;
    }

    /** Once, until it is something else. */
    private void complain(String text) {
        String head = text.substring(0, Math.min(40, text.length())); // the time in it changes
        if (!head.equals(complaint)) {
            complaint = head;
            log.warn("{}", text);
        }
    }

    private static ServedTls serve(ServerCertificate certificate) throws IOException {
        try {
            return new ServedTls(
                    KeyExchange.context(SslContextBuilder.forServer(certificate.key(), certificate.chain())),
                    LinkProof.sha256(certificate.chain()[0].getEncoded()));
        } catch (CertificateEncodingException e) {
            throw new IOException("the gateway's certificate cannot be encoded: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        thread.shutdown();
    }
}
