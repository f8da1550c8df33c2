package dev.culvert.gateway.login;

import dev.culvert.gateway.limit.Network;
import dev.culvert.gateway.limit.NetworkRates;
import dev.culvert.policy.publication.PublicationOptions.User;
import dev.culvert.tunnel.limit.Quota;
import dev.culvert.tunnel.limit.RecentMap;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.jspecify.annotations.Nullable;

/**
 * Who may ask for one publication, by name and password (RFC 7617). A password that was right is known again by a keyed hash, at no
 * cost; one that has not been seen is looked at by {@link PasswordChecks}, and the same one that several requests bring only once.
 * Wrong ones are limited by the network that they come from, the right one with them: else it would be known by being let in. From
 * any thread.
 */
public final class BasicLogin {
    /** Wrong passwords of one network at once: those that a person, or an office, mistypes. */
    static final int FREE_FAILURES = 10;

    /** Until one more is forgiven. */
    public static final int FORGIVEN_SECONDS = 6;

    /** Passwords that are looked at or wait for it, of one publication: the others' have room when one is flooded. */
    static final int MAX_CHECKS = 32;

    /** Of one network; so many may be wrong beyond what is free. */
    static final int MAX_CHECKS_FROM = 8;

    /** Wrong passwords that are known again: a program that goes on with an old one guesses nothing, and costs nothing. */
    static final int MAX_WRONG = 1_024;

    private static final String MAC = "HmacSHA256";

    /** What a request is told. */
    public enum Outcome {
        /** The user is who he says. */
        KNOWN,
        /** Who is it? Nothing was said, or it was wrong. */
        ASKED,
        /** Too many wrong passwords came from there. */
        TOO_OFTEN,
        /** Too many passwords are looked at now. */
        BUSY
    }

    /** @param user who it is; empty unless it is known */
    public record Answer(Outcome outcome, String user) {
        private static final Answer ASKED = new Answer(Outcome.ASKED, "");
        private static final Answer TOO_OFTEN = new Answer(Outcome.TOO_OFTEN, "");
        private static final Answer BUSY = new Answer(Outcome.BUSY, "");
    }

    /** One user, with what is remembered of his password. */
    private static final class Known {
        final User user;

        /** Of the password that was right last, under {@link #key}; empty before. */
        volatile byte[] right = {};

        Known(User user) {
            this.user = user;
        }
    }

    private final byte[] key;
    private final Map<String, Known> users = new HashMap<>();
    private final List<Known> all;
    private final NetworkRates failures;
    private final Quota<Network> checks = new Quota<>(MAX_CHECKS, MAX_CHECKS_FROM);

    // Both guarded by this; keys are keyed hashes of what a network has said.
    private final Map<ByteBuffer, Promise<Answer>> running = new HashMap<>();
    private final RecentMap<ByteBuffer, Boolean> wrong = new RecentMap<>(MAX_WRONG);

    /**
     * @param allowed who may ask; of one name the last counts
     * @param before what was in force until now: who has the same hash is known on, and wrong passwords stay counted; null for nothing
     */
    public BasicLogin(List<User> allowed, @Nullable BasicLogin before, LongSupplier nanoTime) {
        for (User user : allowed) {
            Known same = before == null ? null : before.users.get(user.name());
            users.put(user.name(), same != null && same.user.equals(user) ? same : new Known(user));
        }
        all = new ArrayList<>(users.values());
        key = before == null ? newKey() : before.key;
        failures = before == null ? new NetworkRates(FREE_FAILURES, 1.0 / FORGIVEN_SECONDS, nanoTime) : before.failures;
    }

    private static byte[] newKey() {
        byte[] key = new byte[32];
        new SecureRandom().nextBytes(key);
        return key;
    }

    /**
     * Looks at what a request says of its sender.
     *
     * @param authorization the values of its Authorization field, of all its lines
     * @param from where it comes from
     * @param loop whose future it is, when it takes until later
     * @return never fails; perhaps of another request's loop
     */
    public Future<Answer> check(
            List<String> authorization, InetAddress from, EventExecutor loop, PasswordChecks threads) {
        BasicCredentials said = BasicCredentials.read(authorization);
        if (said == null) {
            return loop.newSucceededFuture(Answer.ASKED);
        }
        if (failures.isEmpty(from)) {
            return loop.newSucceededFuture(Answer.TOO_OFTEN);
        }
        Known named = users.get(said.name());
        Known looked = named == null ? decoy(said.name()) : named;
        byte[] password = mac(looked.user.hash().getBytes(StandardCharsets.US_ASCII), said.password());
        if (named != null && MessageDigest.isEqual(password, named.right)) {
            return loop.newSucceededFuture(new Answer(Outcome.KNOWN, said.name()));
        }
        Network network = Network.of(from, 0);
        ByteBuffer attempt =
                ByteBuffer.wrap(mac((network + " " + said.name()).getBytes(StandardCharsets.UTF_8), password));
        Promise<Answer> answer;
        synchronized (this) {
            if (wrong.get(attempt) != null) {
                return loop.newSucceededFuture(Answer.ASKED);
            }
            Promise<Answer> same = running.get(attempt);
            if (same != null) {
                return same;
            }
            if (!checks.take(network, 1)) {
                return loop.newSucceededFuture(Answer.BUSY);
            }
            answer = loop.newPromise();
            running.put(attempt, answer);
        }
        boolean taken = threads.soon(() -> {
            boolean right = matches(looked.user, said.password()) && named != null;
            if (right) {
                looked.right = password;
            } else {
                failures.takes(from);
            }
            end(attempt, network, !right);
            answer.setSuccess(right ? new Answer(Outcome.KNOWN, said.name()) : Answer.ASKED);
        });
        if (!taken) {
            end(attempt, network, false);
            answer.setSuccess(Answer.BUSY);
        }
        return answer;
    }

    private synchronized void end(ByteBuffer attempt, Network network, boolean isWrong) {
        running.remove(attempt);
        checks.give(network, 1);
        if (isWrong) {
            wrong.put(attempt, true);
        }
    }

    private static boolean matches(User user, byte[] password) {
        try {
            return OpenBSDBCrypt.checkPassword(user.hash(), password);
        } catch (RuntimeException e) {
            return false; // a salt that is none: nobody has that password
        }
    }

    /** Whose hash is computed in vain for a name that there is not: it takes as long as for one that there is. */
    private Known decoy(String name) {
        byte[] mac = mac(new byte[0], name.getBytes(StandardCharsets.UTF_8));
        return all.get(Math.floorMod(ByteBuffer.wrap(mac).getInt(), all.size()));
    }

    private byte[] mac(byte[] first, byte[] second) {
        try {
            Mac mac = Mac.getInstance(MAC);
            mac.init(new SecretKeySpec(key, MAC));
            mac.update(ByteBuffer.allocate(Integer.BYTES).putInt(first.length).array());
            mac.update(first);
            return mac.doFinal(second);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every Java has " + MAC, e);
        }
    }

    /** Passwords that are looked at or wait for it. */
    int runningChecks() {
        return (int) checks.total();
    }

    /** Wrong passwords that are known again. */
    synchronized int knownWrong() {
        return wrong.size();
    }
}
