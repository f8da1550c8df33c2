package dev.culvert.gateway.publish;

import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.limit.PeerLines;
import dev.culvert.gateway.presence.PublicationListener;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.gateway.publish.ClaimJudge.Reserved;
import dev.culvert.policy.Policy;
import dev.culvert.policy.PolicyPublication;
import dev.culvert.policy.PolicySnapshot;
import dev.culvert.policy.publication.PublicPlaces;
import dev.culvert.policy.publication.PublicSide;
import dev.culvert.policy.publication.Publication;
import dev.culvert.text.Printable;
import dev.culvert.token.AgentToken;
import dev.culvert.token.Token;
import dev.culvert.tunnel.frame.Announcement;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What is published now: what the policy says and present agents announce, as far as their tokens and the policy let them. The
 * policy's goes first, then what is in force already, then who came first. What an agent published that has gone stays until
 * another claims it or its token has ended, so that visitors hear that the agent is away.
 *
 * <p>From any thread. It is judged on a thread of its own, all that has come meanwhile at once: ten thousand agents that come back
 * are no ten thousand judgements.
 */
public final class Publications implements PublicationListener, PolicyInForce.Listener, AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Publications.class);

    /** Agents that are away and whose publications are remembered; the first that went is forgotten first. */
    static final int MAX_AWAY = 4_096;

    /** Lines about the policy's own publications count for it. */
    private static final String POLICY = "policy";

    /** Hears of each change. */
    public interface Listener {
        /**
         * What is published will be another: what only {@code next} needs is to be there when this returns, and what {@code before}
         * needs is to stay. Likewise.
         */
        default void publicationsChanging(PublicationTable before, PublicationTable next) {}

        /** What is published is another. On one thread, in order; it may block, and then all changes wait. */
        void publicationsChanged(PublicationTable now);
    }

    /** What one link says, or said before it went. */
    private static final class Said {
        final AgentToken token;
        final List<Publication> publications;
        final List<Announcement.Refused> unreadable;
        List<Announcement.Refused> told = List.of();

        Said(AgentToken token, List<Publication> publications, List<Announcement.Refused> unreadable) {
            this.token = token;
            this.publications = publications;
            this.unreadable = unreadable;
        }
    }

    /** Whose place it is, whatever it leads to; one that becomes a whole name's is another. */
    private record Place(String agent, PublicSide side, boolean whole) {
        Place(String agent, Publication publication) {
            this(agent, publication.at(), publication.isPassedThrough());
        }
    }

    /** What there is to be judged. */
    private record Claims(List<Claim> all, Map<PublishingAgent, Said> links) {}

    private final PolicyInForce policy;
    private final Predicate<Token> revoked;
    private final PeerLines lines;
    private final Clock clock;
    private final Executor thread;
    private final AtomicBoolean wanted = new AtomicBoolean();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();

    // Guarded by this.
    private final Map<PublishingAgent, Said> present = new LinkedHashMap<>();
    private final Map<String, Said> away = new LinkedHashMap<>();

    /** When a place was first claimed by a present agent, as a number that grows. */
    private final Map<Place, Long> since = new HashMap<>();

    private long claims;
    private Reserved reserved = Reserved.NONE;
    private Instant nextExpiry = Instant.MAX;

    private volatile PublicationTable table = PublicationTable.EMPTY;
    private volatile List<PublicationEntry> entries = List.of();

    /**
     * @param revoked whether a token is revoked, or its key was retired, as known now
     */
    public Publications(PolicyInForce policy, Predicate<Token> revoked, PeerLines lines, Clock clock) {
        this(
                policy,
                revoked,
                lines,
                clock,
                Executors.newSingleThreadExecutor(new DefaultThreadFactory("gateway-publications", true)));
    }

    Publications(PolicyInForce policy, Predicate<Token> revoked, PeerLines lines, Clock clock, Executor thread) {
        this.policy = policy;
        this.revoked = revoked;
        this.lines = lines;
        this.clock = clock;
        this.thread = thread;
        policy.add(this);
        changed();
    }

    /** What is in force. */
    public PublicationTable table() {
        return table;
    }

    /** All that the policy and agents want to publish, and what has become of it. */
    public List<PublicationEntry> entries() {
        return entries;
    }

    /** Calls it soon with what is in force, and from then on before and after each change. */
    public void add(Listener listener) {
        run(() -> {
            listeners.add(listener);
            listener.publicationsChanging(PublicationTable.EMPTY, table);
            listener.publicationsChanged(table);
        });
    }

    /**
     * What nobody may publish: the gateway's own names, in their compared form, and its own ports.
     */
    public void reserve(Set<String> names, Set<PublicPort> ports) {
        synchronized (this) {
            reserved = new Reserved(names, ports);
        }
        changed();
    }

    @Override
    public void announced(PublishingAgent agent, List<String> publications) {
        Said said = read(agent, publications);
        synchronized (this) {
            Said before = present.put(agent, said);
            if (before != null) {
                said.told = before.told;
            } else if (publications.isEmpty() && !away.containsKey(agent.name()) && !policySpeaksOfPublications()) {
                return; // as most do
            }
            away.remove(agent.name());
            said.publications.forEach(p -> since.computeIfAbsent(new Place(agent.name(), p), k -> ++claims));
        }
        changed();
    }

    private boolean policySpeaksOfPublications() {
        Policy now = policyNow();
        return now != null && !now.publications().isEmpty();
    }

    private @Nullable Policy policyNow() {
        PolicySnapshot snapshot = policy.policy();
        return snapshot == null ? null : snapshot.policy();
    }

    /** A later agent may say what we cannot read: of that it is told, and all else counts. */
    private static Said read(PublishingAgent agent, List<String> texts) {
        List<Publication> readable = new ArrayList<>();
        List<Announcement.Refused> unreadable = new ArrayList<>();
        PublicPlaces<String> places = new PublicPlaces<>();
        for (String text : texts) {
            try {
                Publication publication = Publication.parse(text);
                String twice = places.inTheWay(publication);
                if (twice != null) {
                    throw new IllegalArgumentException(
                            "the agent itself publishes '" + Printable.shorten(twice) + "' already; leave one out");
                }
                places.take(publication, publication.shown());
                readable.add(publication);
            } catch (IllegalArgumentException e) {
                int options = text.indexOf(','); // among them are hashes of passwords, which are not for logs
                unreadable.add(
                        refused(options < 0 ? text : text.substring(0, options), String.valueOf(e.getMessage())));
            }
        }
        return new Said(agent.token(), List.copyOf(readable), List.copyOf(unreadable));
    }

    private static Announcement.Refused refused(String publication, String why) {
        return new Announcement.Refused(Printable.shorten(publication), Printable.text(why));
    }

    @Override
    public void gone(PublishingAgent agent) {
        synchronized (this) {
            Said said = present.remove(agent);
            if (said == null) {
                return;
            }
            boolean others = present.keySet().stream().anyMatch(a -> a.name().equals(agent.name()));
            if (said.publications.isEmpty() && !policySpeaksOfPublications()) {
                return;
            }
            if (!others) {
                away.remove(agent.name());
                away.put(agent.name(), said);
                if (away.size() > MAX_AWAY) {
                    away.remove(away.keySet().iterator().next());
                }
            }
        }
        changed();
    }

    @Override
    public void policyChanged() {
        changed();
    }

    /** Something else that counts has changed: revocations, or keys. */
    public void changed() {
        if (!wanted.getAndSet(true)) {
            run(this::judge);
        }
    }

    /** Looks whether the token of an agent that is away has expired meanwhile. */
    public void lookAtClock() {
        boolean over;
        synchronized (this) {
            over = !clock.instant().isBefore(nextExpiry);
        }
        if (over) {
            changed();
        }
    }

    private void run(Runnable task) {
        try {
            thread.execute(() -> {
                try {
                    task.run();
                } catch (RuntimeException | Error e) {
                    log.error("publications: {}", e.toString(), e);
                }
            });
        } catch (RejectedExecutionException e) {
            log.debug("closing: nothing is judged any more");
        }
    }

    private void judge() {
        wanted.set(false); // what comes from here on is judged again
        Policy policyNow = policyNow();
        Claims toJudge;
        ClaimJudge judge;
        Set<String> own;
        synchronized (this) {
            toJudge = claims(policyNow);
            judge = new ClaimJudge(policyNow, policy.sensitive(), reserved, this::hasEnded);
            own = reserved.names();
        }
        List<PublicationEntry> judged = new ArrayList<>();
        Set<Published> inForce = new LinkedHashSet<>();
        Set<Published> unproven = new HashSet<>();
        Map<PublishingAgent, List<Announcement.Refused>> refused = new HashMap<>();
        for (Claim claim : toJudge.all()) {
            PublicationEntry entry = judge.judge(claim);
            if (entry.isInForce()) {
                inForce.add(claim.published());
                if (claim.tokens().isEmpty()) {
                    unproven.add(claim.published());
                }
            } else if (claim.by().isEmpty() && !claim.published().byPolicy()) {
                continue; // of one that is away nobody needs to hear
            } else {
                Announcement.Refused told =
                        refused(claim.published().publication().at().toString(), entry.why());
                claim.by()
                        .forEach(a -> refused.computeIfAbsent(a, k -> new ArrayList<>())
                                .add(told));
            }
            judged.add(entry);
        }
        List<PublicationEntry> before = entries;
        entries = List.copyOf(judged);
        PublicationTable next = new PublicationTable(inForce, unproven, own, table, System::nanoTime);
        boolean other = !next.saysTheSame(table);
        if (other) {
            PublicationTable last = table;
            listeners.forEach(l -> l.publicationsChanging(last, next));
            table = next;
            Map<PublicSide, PublicationUsage> places = next.places();
            last.places().forEach((at, usage) -> usage.giveWay(places.get(at)));
        }
        tell(before, judged, toJudge.all());
        answer(toJudge.links(), refused);
        if (other) {
            listeners.forEach(l -> l.publicationsChanged(next));
        }
    }

    private boolean hasEnded(AgentToken token) {
        return revoked.test(token) || !clock.instant().isBefore(token.expires());
    }

    /** All that shall be published, who goes first first. Called with the lock. */
    private Claims claims(@Nullable Policy policyNow) {
        away.values().removeIf(said -> hasEnded(said.token));
        nextExpiry = away.values().stream()
                .map(s -> s.token.expires())
                .min(Comparator.naturalOrder())
                .orElse(Instant.MAX);
        Map<String, List<PublishingAgent>> links = new LinkedHashMap<>();
        Map<Published, List<PublishingAgent>> sayers = new LinkedHashMap<>();
        List<Map.Entry<PublishingAgent, Said>> newestFirst = new ArrayList<>(present.entrySet());
        newestFirst.sort(Comparator.comparing(e -> -e.getKey().number()));
        newestFirst.forEach(e -> {
            PublishingAgent link = e.getKey();
            links.computeIfAbsent(link.name(), n -> new ArrayList<>()).add(link);
            e.getValue()
                    .publications
                    .forEach(p -> sayers.computeIfAbsent(new Published(link.name(), p, false), k -> new ArrayList<>())
                            .add(link));
        });
        List<Claim> out = new ArrayList<>();
        if (policyNow != null) {
            for (PolicyPublication said : policyNow.publications()) {
                // The agent may say so too.
                List<PublishingAgent> by = sayers.remove(new Published(said.agent(), said.publication(), false));
                out.add(new Claim(
                        new Published(said.agent(), said.publication(), true),
                        tokens(links.getOrDefault(said.agent(), List.of()), said.agent()),
                        links.containsKey(said.agent()),
                        by == null ? List.of() : by,
                        null));
            }
        }
        List<Claim> ofAgents = claimsOfAgents(sayers);
        Map<Place, Integer> incumbents = new HashMap<>();
        for (Published one : table.all()) {
            if (!one.byPolicy()) {
                incumbents.put(place(one), incumbents.size());
            }
        }
        since.keySet()
                .retainAll(ofAgents.stream().map(c -> place(c.published())).collect(Collectors.toSet()));
        ofAgents.sort(
                Comparator.<Claim>comparingInt(c -> incumbents.getOrDefault(place(c.published()), Integer.MAX_VALUE))
                        .thenComparingLong(c -> since.getOrDefault(place(c.published()), Long.MAX_VALUE)));
        out.addAll(ofAgents);
        away.forEach((agent, said) -> said.publications.forEach(
                p -> out.add(new Claim(new Published(agent, p, false), List.of(said.token), false, List.of(), null))));
        return new Claims(out, new LinkedHashMap<>(present));
    }

    private static Place place(Published published) {
        return new Place(published.agent(), published.publication());
    }

    private List<AgentToken> tokens(List<PublishingAgent> links, String agent) {
        Said gone = away.get(agent);
        return !links.isEmpty()
                ? links.stream().map(PublishingAgent::token).toList()
                : gone == null ? List.of() : List.of(gone.token);
    }

    /**
     * What agents say, each thing once. Of what one agent's links say that cannot both be, the newest's holds.
     *
     * @param sayers who says what; of each agent the newest link's first
     */
    private static List<Claim> claimsOfAgents(Map<Published, List<PublishingAgent>> sayers) {
        Map<String, PublicPlaces<Published>> places = new HashMap<>();
        List<Claim> out = new ArrayList<>();
        sayers.forEach((said, by) -> {
            PublicPlaces<Published> its = places.computeIfAbsent(said.agent(), a -> new PublicPlaces<>());
            Published rival = its.inTheWay(said.publication());
            if (rival == null) {
                its.take(said.publication(), said);
            }
            out.add(new Claim(said, by.stream().map(PublishingAgent::token).toList(), true, by, rival));
        });
        return out;
    }

    /** What has changed, for the log. */
    private void tell(List<PublicationEntry> before, List<PublicationEntry> now, List<Claim> claims) {
        if (before.equals(now)) {
            return;
        }
        Map<Published, String> holders = new HashMap<>();
        claims.forEach(c -> holders.put(
                c.published(), c.by().isEmpty() ? POLICY : c.by().get(0).holderKey()));
        Set<PublicationEntry> known = new HashSet<>(before);
        for (PublicationEntry entry : now) {
            Published one = entry.published();
            if (known.contains(entry) || !lines.takes(holders.getOrDefault(one, POLICY), PeerLines.Kind.PUBLICATIONS)) {
                continue;
            }
            if (entry.isInForce()) {
                log.info("publishes {} to {} ({})", one, one.publication().to(), entry.state());
            } else {
                log.warn("does not publish {}: {}", one, entry.why());
            }
        }
        Set<Published> still = new HashSet<>();
        now.forEach(e -> still.add(e.published()));
        before.stream()
                .filter(e -> e.isInForce() && !still.contains(e.published()))
                .filter(e -> lines.takes(holders.getOrDefault(e.published(), POLICY), PeerLines.Kind.PUBLICATIONS))
                .forEach(e -> log.info("publishes {} no more", e.published()));
    }

    /** Tells agents what of theirs is not in force, when that is other than before. */
    private void answer(Map<PublishingAgent, Said> links, Map<PublishingAgent, List<Announcement.Refused>> refused) {
        links.forEach((agent, said) -> {
            List<Announcement.Refused> now = new ArrayList<>(said.unreadable);
            now.addAll(refused.getOrDefault(agent, List.of()));
            boolean tell;
            synchronized (this) {
                tell = !now.equals(said.told);
                said.told = List.copyOf(now);
            }
            if (tell) {
                agent.refused(List.copyOf(now));
            }
        });
    }

    @Override
    public void close() {
        policy.remove(this);
        if (thread instanceof ExecutorService service) {
            service.shutdown();
        }
    }
}
