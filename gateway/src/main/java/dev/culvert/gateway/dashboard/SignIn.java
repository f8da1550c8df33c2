package dev.culvert.gateway.dashboard;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Who may see the dashboard: keys that sign in once, within minutes, and the sessions that they become. Only digests of keys are kept, and
 * looked up by: how long that takes says nothing about a key. From any thread.
 */
final class SignIn {
    /** What a session may do. */
    enum Role {
        LOOK,
        ACT;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** For a link to be opened. */
    static final Duration KEY_LIFE = Duration.ofMinutes(2);

    /** After so long without a request a session ends; a page that is open keeps its own. */
    static final Duration IDLE = Duration.ofHours(12);

    /** Links that nobody has opened yet; one more, and the oldest ends. */
    static final int MAX_KEYS = 32;

    /** Browsers that are signed in; likewise. */
    static final int MAX_SESSIONS = 32;

    /** 128 bits. */
    private static final int SECRET_BYTES = 16;

    /**
     * Somebody who is signed in.
     *
     * @param number by which the audit log knows it
     * @param csrf what each request that changes something has to say, which no other site's page can read
     */
    record Session(long number, Role role, String csrf) {}

    private record Key(Role role, long until) {}

    private static final class Held {
        final Session session;
        long seen;

        Held(Session session, long seen) {
            this.session = session;
            this.seen = seen;
        }
    }

    private final LongSupplier nanoTime;
    private final SecureRandom random = new SecureRandom();
    private final Map<String, Key> keys = new LinkedHashMap<>();
    private final Map<String, Held> sessions = new LinkedHashMap<>(16, 0.75f, true); // that was seen longest ago first
    private long numbers;

    SignIn(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /** A key that signs in once, within {@link #KEY_LIFE}. */
    synchronized String key(Role role) {
        String key = secret();
        makeRoom(keys, MAX_KEYS);
        keys.put(digest(key), new Key(role, nanoTime.getAsLong() + KEY_LIFE.toNanos()));
        return key;
    }

    /**
     * Signs in.
     *
     * @return what the browser shows from now on as its cookie; null when the key is none, was used, or is too old
     */
    synchronized @Nullable String enter(String key) {
        Key known = keys.remove(digest(key));
        long now = nanoTime.getAsLong();
        if (known == null || known.until - now <= 0) {
            return null;
        }
        String cookie = secret();
        makeRoom(sessions, MAX_SESSIONS);
        sessions.put(digest(cookie), new Held(new Session(++numbers, known.role, secret()), now));
        return cookie;
    }

    /** Whose cookie it is; null when nobody's, or of one that was idle for too long. */
    synchronized @Nullable Session of(String cookie) {
        String digest = digest(cookie);
        Held held = sessions.get(digest);
        if (held == null) {
            return null;
        }
        long now = nanoTime.getAsLong();
        if (now - held.seen >= IDLE.toNanos()) {
            sessions.remove(digest);
            return null;
        }
        held.seen = now;
        return held.session;
    }

    /** Signs out. */
    synchronized void leave(Session session) {
        sessions.values().removeIf(held -> held.session.number() == session.number());
    }

    /** Whether a session still is one; it does not count as a request. */
    synchronized boolean holds(Session session) {
        long now = nanoTime.getAsLong();
        return sessions.values().stream()
                .anyMatch(held -> held.session.number() == session.number() && now - held.seen < IDLE.toNanos());
    }

    private static void makeRoom(Map<String, ?> in, int most) {
        if (in.size() >= most) {
            Iterator<String> oldest = in.keySet().iterator();
            oldest.next();
            oldest.remove();
        }
    }

    private String secret() {
        byte[] bytes = new byte[SECRET_BYTES];
        random.nextBytes(bytes);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    private static String digest(String secret) {
        try {
            return Base64.getEncoder()
                    .encodeToString(
                            MessageDigest.getInstance("SHA-256").digest(secret.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
