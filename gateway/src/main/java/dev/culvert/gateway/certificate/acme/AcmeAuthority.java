package dev.culvert.gateway.certificate.acme;

import dev.culvert.address.IpLiteral;
import dev.culvert.gateway.certificate.acme.AcmeSettings.Proof;
import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.shredzone.acme4j.AccountBuilder;
import org.shredzone.acme4j.Authorization;
import org.shredzone.acme4j.Identifier;
import org.shredzone.acme4j.Login;
import org.shredzone.acme4j.Metadata;
import org.shredzone.acme4j.Order;
import org.shredzone.acme4j.OrderBuilder;
import org.shredzone.acme4j.PollableResource;
import org.shredzone.acme4j.Problem;
import org.shredzone.acme4j.RenewalInfo;
import org.shredzone.acme4j.Session;
import org.shredzone.acme4j.Status;
import org.shredzone.acme4j.challenge.Challenge;
import org.shredzone.acme4j.challenge.Dns01Challenge;
import org.shredzone.acme4j.challenge.Http01Challenge;
import org.shredzone.acme4j.challenge.TlsAlpn01Challenge;
import org.shredzone.acme4j.challenge.TokenChallenge;
import org.shredzone.acme4j.connector.NetworkSettings;
import org.shredzone.acme4j.connector.Resource;
import org.shredzone.acme4j.exception.AcmeException;
import org.shredzone.acme4j.exception.AcmeNetworkException;
import org.shredzone.acme4j.exception.AcmeRateLimitedException;
import org.shredzone.acme4j.exception.AcmeServerException;
import org.shredzone.acme4j.provider.GenericAcmeProvider;

/** An authority that speaks ACME (RFC 8555), by acme4j. Makes its account when it is first asked. */
final class AcmeAuthority implements Authority {
    private static final String ERROR = "urn:ietf:params:acme:error:";

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

    /** An authority that is slower is away. */
    private static final Duration REQUEST = Duration.ofSeconds(30);

    /** Looking at a name takes seconds, from several places; making a certificate too. */
    private static final Duration STEP = Duration.ofMinutes(3);

    /** How often an authority is asked whether it has done something, unless it says how often; and at most. */
    private static final Duration FIRST_POLL = Duration.ofMillis(500);

    private static final Duration LAST_POLL = Duration.ofSeconds(5);

    /** Only words of more than that are shortened. */
    private static final int MAX_REASON = 300;

    private final AcmeSettings settings;
    private final AcmeSettings.Server server;
    private final AcmeStore store;
    private final @Nullable SSLContext tls;
    private final Pause pause;
    private final @Nullable DnsProofs dns;
    private @Nullable Login login;

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
        this.store = store;
        this.tls = tls;
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
                        if (!isOf(e, "alreadyReplaced") && !isOf(e, "malformed") && !isOf(e, "unauthorized")) {
                            throw e;
                        }
                        return newOrder(login, name).create();
                    }
                })
                .getLocation()
                .toString();
    }

    private OrderBuilder newOrder(Login login, String name) {
        OrderBuilder builder = login.newOrder().identifier(identifier(name));
        return server.profile() == null ? builder : builder.profile(server.profile());
    }

    private static Identifier identifier(String name) {
        InetAddress address = IpLiteral.parse(name);
        return address == null ? Identifier.dns(name) : Identifier.ip(address);
    }

    @Override
    public void prove(String url, PublishedChallenges published, int turn, boolean pointsHere)
            throws Refusal, InterruptedException {
        Order order = fetched(url);
        if (order.getStatus() != Status.PENDING) {
            return;
        }
        for (Authorization authorization : order.getAuthorizations()) {
            call(login -> authorization.fetch());
            if (authorization.getStatus() == Status.PENDING) {
                prove(authorization, published, turn, pointsHere);
            } else if (authorization.getStatus() != Status.VALID) {
                throw new Refusal(Refusal.Kind.ORDER, "its name can no longer be proved", null);
            }
        }
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
            try {
                pause.of(PublishedChallenges.SEEN_WITHIN);
                decide(authorization, challenge);
            } finally {
                published.withdraw(token);
            }
        } catch (StateException e) {
            throw new Refusal(Refusal.Kind.AWAY, "nothing can be proved to it: " + e.getMessage(), e);
        }
    }

    /** Has the authority look, and waits until it has. */
    private void decide(Authorization authorization, Challenge challenge) throws Refusal, InterruptedException {
        call(login -> {
            challenge.trigger();
            return true;
        });
        await(authorization, Set.of(Status.VALID, Status.INVALID, Status.DEACTIVATED, Status.EXPIRED));
        if (authorization.getStatus() != Status.VALID) {
            call(login -> challenge.fetch());
            throw new Refusal(Refusal.Kind.UNPROVED, why(challenge.getError(), challenge.getType()), null);
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
        if (order.getStatus() != Status.VALID) {
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
            if (order.getStatus() == Status.INVALID) {
                throw new Refusal(Refusal.Kind.ORDER, why(order.getError(), "the order"), null);
            }
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
        boolean fresh = login == null;
        try {
            try {
                return step.run(login());
            } catch (AcmeServerException e) {
                if (fresh || !isOf(e, "accountDoesNotExist")) {
                    throw e;
                }
                login = null;
                return step.run(login());
            }
        } catch (AcmeException | RuntimeException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
            throw refusal(e);
        }
    }

    private Login login() throws AcmeException, Refusal {
        Login known = login;
        if (known != null) {
            return known;
        }
        Session session = new Session(server.directory(), new Provider(tls));
        session.networkSettings().setTimeout(REQUEST);
        KeyPair key;
        try {
            key = store.accountKey(directory());
        } catch (StateException e) {
            throw new Refusal(Refusal.Kind.ACCOUNT, String.valueOf(e.getMessage()), e);
        }
        Login made;
        try {
            made = new AccountBuilder().useKeyPair(key).onlyExisting().createLogin(session);
        } catch (AcmeServerException e) {
            if (!isOf(e, "accountDoesNotExist")) {
                throw e;
            }
            made = account(session.getMetadata(), key).createLogin(session);
        }
        login = made;
        return made;
    }

    private AccountBuilder account(Metadata metadata, KeyPair key) throws Refusal {
        AccountBuilder builder = new AccountBuilder().useKeyPair(key);
        if (settings.termsAccepted()) {
            builder.agreeToTermsOfService();
        } else if (metadata.getTermsOfService().isPresent()) {
            throw new Refusal(
                    Refusal.Kind.ACCOUNT,
                    "its terms of service are not accepted: read "
                            + metadata.getTermsOfService().get() + " and accept them with --acme-accept-terms",
                    null);
        }
        if (settings.contact() != null) {
            builder.addEmail(settings.contact());
        }
        if (server.eabKeyId() != null && server.eabKeyFile() != null) {
            try {
                builder.withKeyIdentifier(
                        server.eabKeyId(), Files.readString(server.eabKeyFile()).strip());
            } catch (IOException | IllegalArgumentException e) {
                throw new Refusal(
                        Refusal.Kind.ACCOUNT,
                        "the key in " + server.eabKeyFile() + " cannot be read: write it there in base64url, as the"
                                + " authority shows it",
                        e);
            }
        } else if (metadata.isExternalAccountRequired()) {
            throw new Refusal(
                    Refusal.Kind.ACCOUNT,
                    "it wants to know whose the account is: get a key there, and write --acme " + directory()
                            + ",eab=KEY-ID:FILE",
                    null);
        }
        return builder;
    }

    private static boolean isOf(AcmeServerException e, String type) {
        return e.getType().toString().equals(ERROR + type);
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
        String word = type.startsWith(ERROR) ? type.substring(ERROR.length()) : "";
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

    /** An authority of any URL, trusted by what was given. */
    private static final class Provider extends GenericAcmeProvider {
        private final @Nullable SSLContext tls;

        Provider(@Nullable SSLContext tls) {
            this.tls = tls;
        }

        @Override
        public HttpClient createHttpClient(NetworkSettings network) {
            HttpClient.Builder builder = HttpClient.newBuilder()
                    .followRedirects(HttpClient.Redirect.NORMAL)
                    .connectTimeout(network.getTimeout());
            if (network.getProxySelector() != null) {
                builder.proxy(network.getProxySelector());
            }
            if (tls != null) {
                builder.sslContext(tls);
            }
            return builder.build();
        }
    }
}
