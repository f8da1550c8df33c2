package dev.culvert.gateway.publish;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.limit.NetworkRates;
import dev.culvert.gateway.login.BasicLogin;
import dev.culvert.policy.publication.PublicationOptions;
import dev.culvert.policy.publication.PublicationOptions.Rate;
import java.net.InetAddress;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A publication in force while it is used: who is let in by its options, who is there now, and how many were turned away. There is
 * one of each for as long as the publication is in force; when its options change, connections that there are count on, and so do
 * rates and passwords that stayed as they were. From any thread.
 */
public final class PublicationUsage {
    /** Which option has turned visitors away. */
    public enum Limit {
        ALLOW("allow"),
        RATE("rate"),
        CONNECTIONS("connections"),
        BASIC_AUTH("basic-auth");

        private final String text;

        Limit(String text) {
            this.text = text;
        }

        /** The option's name. */
        @Override
        public String toString() {
            return text;
        }
    }

    /** What stays when options change: who is there, and what was counted. */
    static final class Place {
        private final Set<Visit> visits = new HashSet<>();
        private final LongAdder[] refused =
                Arrays.stream(Limit.values()).map(l -> new LongAdder()).toArray(LongAdder[]::new);

        synchronized boolean add(Visit visit, int most) {
            return visits.size() < most && visits.add(visit);
        }

        synchronized void remove(Visit visit) {
            visits.remove(visit);
        }

        synchronized List<Visit> visits() {
            return List.copyOf(visits);
        }

        synchronized int count() {
            return visits.size();
        }
    }

    private final Published published;
    private final Place place;
    private final List<IpPrefix> allowed;
    private final int connections;
    private final @Nullable Rate rate;
    private final @Nullable NetworkRates rates;
    private final @Nullable BasicLogin login;
    private volatile @Nullable Replaced replaced;

    /** @param by what leads on to the same target; null when nothing does */
    private record Replaced(@Nullable PublicationUsage by) {}

    /** @param before what was in force at the same place; null for nothing */
    PublicationUsage(Published published, @Nullable PublicationUsage before, LongSupplier nanoTime) {
        PublicationOptions options = published.publication().options();
        this.published = published;
        place = before == null ? new Place() : before.place;
        allowed = options.allow();
        connections = options.connections();
        rate = options.rate();
        rates = rate == null
                ? null
                : before != null && rate.equals(before.rate)
                        ? before.rates
                        : new NetworkRates(
                                rate.count(), (double) rate.count() / rate.in().toSeconds(), nanoTime);
        login = options.users().isEmpty()
                ? null
                : new BasicLogin(options.users(), before == null ? null : before.login, nanoTime);
    }

    /** What is in force. */
    public Published published() {
        return published;
    }

    /** Whether visitors from there are let in at all; if not it is counted. */
    public boolean allows(InetAddress from) {
        return isOpenTo(from) || refuse(Limit.ALLOW);
    }

    private boolean isOpenTo(InetAddress from) {
        return allowed.isEmpty() || allowed.stream().anyMatch(p -> p.contains(from));
    }

    /** Whether one more request, connection or sender may come from there now; it counts, either way. */
    public boolean takes(InetAddress from) {
        return rates == null || rates.takes(from) || refuse(Limit.RATE);
    }

    /** After so many seconds one more may come from where there were too many. */
    public int retrySeconds() {
        Rate r = rate;
        return r == null ? 1 : (int) Math.max(1, (r.in().toSeconds() + r.count() - 1) / r.count());
    }

    /**
     * Counts a connection, or a sender of datagrams, if there is room for one more.
     *
     * @param from whose it is; null when it is of many, so that where each comes from is looked at otherwise
     * @param end ends it, soon, when it is let in no more; called on any thread
     * @return null, and counted as turned away, when there is none
     */
    public @Nullable Visit enter(@Nullable InetAddress from, Runnable end) {
        Visit visit = new Visit(place, from, end);
        if (!place.add(visit, connections)) {
            refuse(Limit.CONNECTIONS);
            return null;
        }
        judge(visit); // it may have been asked to wait, by a login for one, while this was replaced
        return visit;
    }

    /** Whether there is no room for one more. */
    public boolean isCrowded() {
        return place.count() >= connections;
    }

    /** All three, for what has no requests: a connection that is passed on unread, or a sender of datagrams. */
    public @Nullable Visit admit(InetAddress from, Runnable end) {
        return allows(from) && takes(from) ? enter(from, end) : null;
    }

    /** Whether a connection counts here already. */
    public boolean holds(Visit visit) {
        return visit.place() == place;
    }

    /** Who may ask; null for everybody. */
    public @Nullable BasicLogin login() {
        return login;
    }

    /** A request was turned away because its user is not known. */
    public void refusedLogin() {
        refuse(Limit.BASIC_AUTH);
    }

    /** @return false */
    private boolean refuse(Limit why) {
        place.refused[why.ordinal()].increment();
        return false;
    }

    /** How many have been turned away by one option since something is published there. */
    public long refused(Limit why) {
        return place.refused[why.ordinal()].sum();
    }

    /** Connections, or senders of datagrams, that there are. */
    public int visits() {
        return place.count();
    }

    /**
     * Ends what is in the way of what follows: all, when another target or nothing does; else what has come from where it is open to
     * no more.
     *
     * @param next what is in force at the same place now; null for nothing
     */
    void giveWay(@Nullable PublicationUsage next) {
        if (next != this) {
            replaced = new Replaced(next != null && next.leadsWhereThis(this) ? next : null);
            place.visits().forEach(this::judge);
        }
    }

    /** Ends a visit that has come by this, or by what this has replaced, if what is in force now does not let it in. */
    private void judge(Visit visit) {
        Replaced now = replaced;
        if (now == null) {
            return;
        }
        PublicationUsage by = now.by();
        InetAddress from = visit.from();
        if (by == null) {
            visit.end();
        } else if (from != null && !by.isOpenTo(from)) {
            by.refuse(Limit.ALLOW);
            visit.end();
        } else {
            by.judge(visit);
        }
    }

    private boolean leadsWhereThis(PublicationUsage other) {
        return published.agent().equals(other.published.agent())
                && published
                        .publication()
                        .to()
                        .equals(other.published.publication().to());
    }
}
