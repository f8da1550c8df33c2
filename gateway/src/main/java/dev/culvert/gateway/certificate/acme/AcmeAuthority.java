package dev.culvert.gateway.certificate.acme;

import dev.culvert.address.IpLiteral;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import java.net.InetAddress;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.shredzone.acme4j.Authorization;
import org.shredzone.acme4j.Identifier;
import org.shredzone.acme4j.Login;
import org.shredzone.acme4j.Metadata;
import org.shredzone.acme4j.Order;
import org.shredzone.acme4j.OrderBuilder;
import org.shredzone.acme4j.PollableResource;
import org.shredzone.acme4j.Problem;
import org.shredzone.acme4j.RenewalInfo;
import org.shredzone.acme4j.Status;
import org.shredzone.acme4j.challenge.Challenge;
import org.shredzone.acme4j.challenge.Dns01Challenge;
import org.shredzone.acme4j.challenge.Http01Challenge;
import org.shredzone.acme4j.challenge.TlsAlpn01Challenge;
import org.shredzone.acme4j.challenge.TokenChallenge;
import org.shredzone.acme4j.connector.Resource;
import org.shredzone.acme4j.exception.AcmeException;
import org.shredzone.acme4j.exception.AcmeNetworkException;
import org.shredzone.acme4j.exception.AcmeRateLimitedException;
import org.shredzone.acme4j.exception.AcmeServerException;

/** An authority that speaks ACME (RFC 8555), by acme4j. Makes its account when it is first asked. */
final class AcmeAuthority implements Authority {
    private static final Map<String, Refusal.Kind> KINDS = Map.ofEntries(
            Map.entry("accountDoesNotExist", Refusal.Kind.ACCOUNT),
            Map.entry("badPublicKey", Refusal.Kind.ACCOUNT),
            Map.entry("badSignatureAlgorithm", Refusal.Kind.ACCOUNT),
            Map.entry("externalAccountRequired", Refusal.Kind.ACCOUNT),
            Map.entry("invalidContact", Refusal.Kind.ACCOUNT),
            Map.entry("invalidProfile", Refusal.Kind.ACCOUNT),
            Map.entry("unauthorized", Refusal.Kind.ACCOUNT),
            Map.entry("unsupportedContact", Refusal.Kind.ACCOUNT),
            Map.entry("userActionRequired", Refusal.Kind.ACCOUNT),
            Map.entry("badCSR", Refusal.Kind.NAME),
            Map.entry("caa", Refusal.Kind.NAME),
            Map.entry("rejectedIdentifier", Refusal.Kind.NAME),
            Map.entry("unsupportedIdentifier", Refusal.Kind.NAME),
            Map.entry("malformed", Refusal.Kind.ORDER),
            Map.entry("orderNotReady", Refusal.Kind.ORDER));

    /** Looking at a name takes seconds, from several places; making a certificate too. */
    private static final Duration STEP = Duration.ofMinutes(3);

    /** How often an authority is asked whether it has done something, unless it says how often; and at most. */
    private static final Duration FIRST_POLL = Duration.ofMillis(500);

    private static final Duration LAST_POLL = Duration.ofSeconds(5);

    /** Only words of more than that are shortened. */
    private static final int MAX_REASON = 300;

    private final AcmeSettings settings;
    private final AcmeSettings.Server server;
    private final AcmeAccount account;
    private final Pause pause;
    private final @Nullable DnsProofs dns;

    /** Waits; a test does not. */
    interface Pause {
        void of(Duration time) throws InterruptedException;
    }

    /**
     * @param tls by which the server is trusted; null for the system's
     * @param dns null where no record is put into the DNS
     */
    AcmeAuthority(
            AcmeSettings settings,
            AcmeSettings.Server server,
            AcmeStore store,
            @Nullable SSLContext tls,
            Pause pause,
            @Nullable DnsProofs dns) {
        this.settings = settings;
        this.server = server;
        account = new AcmeAccount(settings, server, store, tls);
        this.pause = pause;
        this.dns = dns;
    }

    @Override
    public String directory() {
        return server.directory().toString();
    }

    @Override
    public String order(String name, @Nullable X509Certificate replaces) throws Refusal, InterruptedException {
        return call(login -> {
                    boolean says = login.getSession()
                            .resourceUrlOptional(Resource.RENEWAL_INFO)
                            .isPresent();
                    if (replaces == null || !says) {
                        return newOrder(login, name).create();
                    }
                    try {
                        return newOrder(login, name).replaces(replaces).create();
                    } catch (AcmeServerException e) {
                        // It was replaced already, or this is none of that account's: then it is an order as any other.
                        if (!AcmeAccount.isOf(e, "alreadyReplaced")
                                && !AcmeAccount.isOf(e, "malformed")
                                && !AcmeAccount.isOf(e, "unauthorized")) {
                            throw e;
                        }
                        return newOrder(login, name).create();
                    }
                })
                .getLocation()
                .toString();
    }

    private OrderBuilder newOrder(Login login, String name) throws AcmeException, Refusal {
        OrderBuilder builder = login.newOrder().identifier(identifier(name));
        String profile = server.profile();
        if (profile == null) {
            return builder;
        }
        Metadata metadata = login.getSession().getMetadata();
        if (!metadata.isProfileAllowed(profile)) {
            String there = metadata.isProfileAllowed()
                    ? "write one of its own: " + String.join(", ", new TreeSet<>(metadata.getProfiles()))
                    : "it has none at all: leave ,profile= away";
            throw new Refusal(
                    Refusal.Kind.ACCOUNT,
                    "it has no profile '" + profile + "'; " + Printable.shorten(there, MAX_REASON),
                    null);
        }
        return builder.profile(profile);
    }

    private static Identifier identifier(String name) {
        InetAddress address = IpLiteral.parse(name);
        return address == null ? Identifier.dns(name) : Identifier.ip(address);
    }

    @Override
    public void prove(String url, PublishedChallenges published, int turn, boolean pointsHere)
            throws Refusal, InterruptedException {
        Order order = fetched(url);
        if (order.getStatus() != Status.PENDING && order.getStatus() != Status.INVALID) {
            return;
        }
        for (Authorization authorization : order.getAuthorizations()) {
            call(login -> authorization.fetch());
            switch (authorization.getStatus()) {
                case PENDING -> prove(authorization, published, turn, pointsHere);
                case VALID -> {}
                // It looked for somebody who was killed before he could note that it found nothing.
                case INVALID -> throw unproved(authorization);
                default -> throw new Refusal(Refusal.Kind.ORDER, "its name can no longer be proved", null);
            }
        }
        if (order.getStatus() == Status.INVALID) {
            throw new Refusal(Refusal.Kind.ORDER, why(order.getError(), "the order"), null);
        }
    }

    private static Refusal unproved(Authorization authorization) {
        Challenge failed = authorization.getChallenges().stream()
                .filter(challenge -> challenge.getError().isPresent())
                .findFirst()
                .orElse(null);
        return new Refusal(
                Refusal.Kind.UNPROVED,
                failed == null ? "its proof failed without a reason" : why(failed.getError(), failed.getType()),
                null);
    }

    private void prove(Authorization authorization, PublishedChallenges published, int turn, boolean pointsHere)
            throws Refusal, InterruptedException {
        String name = authorization.getIdentifier().getValue();
        Challenge chosen = choose(name, authorization, turn, pointsHere);
        if (!(chosen instanceof TokenChallenge challenge)) {
            throw new Refusal(
                    Refusal.Kind.NAME, "it offers no way to prove a name that is allowed here for " + name, null);
        }
        if (dns != null && challenge instanceof Dns01Challenge record) {
            dns.during(
                    name, // the wildcard's star is said apart (RFC 8555 section 7.1.4)
                    record.getRRName(authorization.getIdentifier()),
                    record.getDigest(),
                    () -> decide(authorization, challenge));
            return;
        }
        String keyAuthorization = challenge.getAuthorization();
        String token = keyAuthorization.substring(0, keyAuthorization.indexOf('.'));
        try {
            published.publish(name, token, keyAuthorization, challenge instanceof TlsAlpn01Challenge);
            boolean closing = false;
            try {
                pause.of(PublishedChallenges.SEEN_WITHIN);
                decide(authorization, challenge);
            } catch (InterruptedException e) {
                closing = true; // the next process goes on with it: the authority may be about to look
                throw e;
            } finally {
                if (!closing) {
                    published.withdraw();
                }
            }
        } catch (StateException e) {
            throw new Refusal(Refusal.Kind.AWAY, "nothing can be proved to it: " + e.getMessage(), e);
        }
    }

    /** Has the authority look, and waits until it has. */
    private void decide(Authorization authorization, Challenge challenge) throws Refusal, InterruptedException {
        try {
            call(login -> {
                challenge.trigger();
                return true;
            });
        } catch (Refusal e) {
            if (e.kind() != Refusal.Kind.ORDER) {
                throw e;
            }
            call(login -> challenge.fetch());
            if (challenge.getStatus() == Status.PENDING) {
                throw e;
            } // else it is looking already, or has, for a process that was killed
        }
        await(authorization, Set.of(Status.VALID, Status.INVALID, Status.DEACTIVATED, Status.EXPIRED));
        if (authorization.getStatus() != Status.VALID) {
            throw unproved(authorization);
        }
    }

    private @Nullable Challenge choose(String name, Authorization authorization, int turn, boolean pointsHere) {
        boolean address = IpLiteral.parse(name) != null;
        boolean record = dns != null && !address && dns.serve(name);
        boolean wildcard = authorization.isWildcard();
        List<Challenge> usable = new ArrayList<>();
        for (Proof proof : settings.challenges()) {
            boolean possible = switch (proof) {
                case HTTP_01 -> !wildcard && (pointsHere || !record);
                // An address would be asked for by its name in the reverse DNS (RFC 8738 section 6): it has a page.
                case TLS_ALPN_01 -> !wildcard && !address && (pointsHere || !record);
                case DNS_01 -> record;
            };
            if (possible) {
                authorization.getChallenges().stream()
                        .filter(c -> isBy(c, proof))
                        .forEach(usable::add);
            }
        }
        return usable.isEmpty() ? null : usable.get(turn % usable.size());
    }

    private static boolean isBy(Challenge challenge, Proof proof) {
        return switch (proof) {
            case HTTP_01 -> challenge instanceof Http01Challenge;
            case TLS_ALPN_01 -> challenge instanceof TlsAlpn01Challenge;
            case DNS_01 -> challenge instanceof Dns01Challenge;
        };
    }

    @Override
    public List<X509Certificate> finish(String url, KeyPair key) throws Refusal, InterruptedException {
        Order order = fetched(url);
        if (order.getStatus() == Status.PENDING) { // it may take a moment to see that all is proved
            await(order, Set.of(Status.READY, Status.INVALID, Status.VALID));
        }
        if (order.getStatus() == Status.READY) {
            call(login -> {
                order.execute(key);
                return true;
            });
        }
        if (order.getStatus() != Status.VALID && order.getStatus() != Status.INVALID) {
            await(order, Set.of(Status.VALID, Status.INVALID));
        }
        if (order.getStatus() != Status.VALID) {
            throw new Refusal(Refusal.Kind.ORDER, why(order.getError(), "the order"), null);
        }
        return call(login -> {
            var certificate = order.getCertificate();
            certificate.download();
            return certificate.getCertificateChain();
        });
    }

    private Order fetched(String url) throws Refusal, InterruptedException {
        return call(login -> {
            Order order = login.bindOrder(url(url));
            order.fetch();
            return order;
        });
    }

    private static URL url(String text) {
        try {
            return URI.create(text).toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException("an order's URL was kept, and is none: " + text, e);
        }
    }

    private void await(PollableResource resource, Set<Status> ends) throws Refusal, InterruptedException {
        Duration poll = FIRST_POLL;
        for (Duration waited = Duration.ZERO; waited.compareTo(STEP) < 0; waited = waited.plus(poll)) {
            Optional<Instant> wish = call(login -> resource.fetch());
            if (ends.contains(resource.getStatus())) {
                return;
            }
            poll = poll.multipliedBy(2).compareTo(LAST_POLL) > 0 ? LAST_POLL : poll.multipliedBy(2);
            Duration asked = wish.map(t -> Duration.between(Instant.now(), t)).orElse(Duration.ZERO);
            Duration longer = asked.compareTo(poll) > 0 ? asked : poll;
            pause.of(longer.compareTo(LAST_POLL.multipliedBy(6)) > 0 ? LAST_POLL.multipliedBy(6) : longer);
        }
        throw new Refusal(Refusal.Kind.AWAY, "it has not decided within " + STEP.toMinutes() + " minutes", null);
    }

    @Override
    public @Nullable RenewalWindow window(X509Certificate leaf) throws Refusal, InterruptedException {
        return call(login -> {
                    if (login.getSession()
                            .resourceUrlOptional(Resource.RENEWAL_INFO)
                            .isEmpty()) {
                        return Optional.<RenewalWindow>empty();
                    }
                    RenewalInfo info = login.bindRenewalInfo(leaf);
                    Instant again = info.fetch().orElse(Instant.MAX);
                    return Optional.of(
                            new RenewalWindow(info.getSuggestedWindowStart(), info.getSuggestedWindowEnd(), again));
                })
                .orElse(null);
    }

    private interface Step<T> {
        T run(Login login) throws AcmeException, Refusal;
    }

    /** Does something with the account, and once more when the authority has forgotten that. */
    private <T> T call(Step<T> step) throws Refusal, InterruptedException {
        boolean fresh = !account.isKnown();
        try {
            try {
                return step.run(account.login());
            } catch (AcmeServerException e) {
                if (fresh || !AcmeAccount.isOf(e, "accountDoesNotExist")) {
                    throw e;
                }
                account.forget();
                return step.run(account.login());
            }
        } catch (AcmeException | RuntimeException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            throw refusal(e);
        }
    }

    private static Refusal refusal(Exception e) {
        String why = e instanceof AcmeServerException server
                ? words(server.getProblem())
                : Printable.shorten(String.valueOf(reason(e)), MAX_REASON);
        if (e instanceof AcmeRateLimitedException limited) {
            return new Refusal(
                    Refusal.Kind.LIMITED, why, limited.getRetryAfter().orElse(null), e);
        }
        if (e instanceof AcmeNetworkException || !(e instanceof AcmeServerException server)) {
            return new Refusal(Refusal.Kind.AWAY, "no answer (" + why + ")", e);
        }
        String type = server.getType().toString();
        String word = type.startsWith(AcmeAccount.ERROR) ? type.substring(AcmeAccount.ERROR.length()) : "";
        return new Refusal(KINDS.getOrDefault(word, Refusal.Kind.AWAY), why, e);
    }

    /** What lies below wrappers. */
    private static String reason(Throwable e) {
        Throwable at = e;
        while (at.getCause() != null) {
            at = at.getCause();
        }
        String message = at.getMessage();
        return message == null ? at.getClass().getSimpleName() : message;
    }

    private static String why(Optional<Problem> problem, String what) {
        return problem.map(p -> what + ": " + words(p)).orElse(what + " failed without a reason");
    }

    private static String words(Problem problem) {
        return Printable.shorten(
                problem.getDetail().or(problem::getTitle).orElse(String.valueOf(problem.getType())), MAX_REASON);
    }
}
