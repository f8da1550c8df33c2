package dev.culvert.token.holder;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.sign.TokenReader;
import java.io.Closeable;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A running holder's token, which its gateway may replace by one that ends later: the same in all but that, its id and its gateways, for
 * the same key. It is kept in the holder's directory, beside its profile or, if the token is of none, as {@code renewed-NAME.token},
 * from where the next process takes it up beside the token that it is given. Warns when the end is near. From any thread.
 */
public final class RenewedToken implements Closeable {
    /** How often it is looked whether the end is near: of a life of an hour that is said in the last six minutes. */
    private static final Duration LOOK = Duration.ofMinutes(1);

    /** How often that is said. */
    private static final Duration SAY = Duration.ofDays(1);

    /** Offers that are looked at, at most: each may be written to disk. */
    private static final Duration PAUSE = Duration.ofSeconds(10);

    private final HolderOptions.Holder given;
    private final @Nullable String key;
    private final Path directory;
    private final Path file;
    private final Clock clock;
    private final Consumer<String> say;
    private final Duration pause;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread made = new Thread(task, "token");
        made.setDaemon(true);
        return made;
    });
    private Consumer<String> show = jwt -> {};
    private Token token;
    private String jwt;
    private @Nullable Instant offered;
    private @Nullable Waiting waiting;
    private volatile @Nullable Instant warned;

    /** The latest offer that came too soon after another. */
    private record Waiting(String text, String showing, CompletableFuture<@Nullable String> answer) {}

    /**
     * Takes up what an earlier process was handed.
     *
     * @param given the token that this one was started with
     * @param keys that it is bound to; null for a bearer token, which is never replaced
     * @param directory the holder's
     * @param say told in one line for people
     */
    public RenewedToken(
            HolderOptions.Holder given, @Nullable KeyPair keys, Path directory, Clock clock, Consumer<String> say) {
        this(given, keys, directory, clock, say, PAUSE);
    }

    RenewedToken(
            HolderOptions.Holder given,
            @Nullable KeyPair keys,
            Path directory,
            Clock clock,
            Consumer<String> say,
            Duration pause) {
        this.pause = pause;
        this.given = given;
        this.key = keys == null ? null : thumbprint(keys);
        this.directory = directory;
        this.file = directory.resolve(
                given.profile() == null
                        ? "renewed-" + given.token().name() + ".token"
                        : Profiles.renewed(given.profile()));
        this.clock = clock;
        this.say = say;
        token = given.token();
        jwt = given.jwt();
        if (key != null && Files.exists(file)) {
            takeUp();
        }
    }

    /** A token as it is now, with what earlier processes were handed in its place; itself when that is nothing that fits. */
    static HolderOptions.Holder newest(HolderOptions.Holder given, Path directory, Clock clock) {
        KeyPair keys;
        try {
            HolderKey key = HolderKey.existing(directory, given.token());
            keys = key == null ? null : key.pair();
        } catch (StateException e) {
            return given; // its key is yet to be made, and nothing was handed over
        }
        try (RenewedToken renewed = new RenewedToken(given, keys, directory, clock, line -> {})) {
            return HolderOptions.Holder.of(renewed.jwt(), renewed.token(), given.profile());
        }
    }

    private static String thumbprint(KeyPair keys) {
        byte[] spki = keys.getPublic().getEncoded();
        return HolderKey.thumbprint(Arrays.copyOfRange(spki, spki.length - HolderKey.RAW, spki.length));
    }

    private void takeUp() {
        try {
            String text = SecretSource.read(file.toString(), Map.of(), InputStream.nullInputStream(), line -> {});
            token = checked(text, token());
            jwt = text;
        } catch (SecretException e) {
            say.accept("not used: " + e.getMessage());
        } catch (TokenException e) {
            say.accept("not used: " + file + " (" + e.getMessage() + ")"); // of another token than this, perhaps
        }
    }

    /** The token as it is now; not verified. */
    public synchronized Token token() {
        return token;
    }

    /** Its text. */
    public synchronized String jwt() {
        return jwt;
    }

    /**
     * Begins to speak of the end when it is near.
     *
     * @param showing told of another token's text, that is to be shown to gateways from the next link on
     */
    public void start(Consumer<String> showing) {
        synchronized (this) {
            show = showing;
        }
        thread.scheduleWithFixedDelay(this::warn, 0, LOOK.toSeconds(), TimeUnit.SECONDS);
    }

    /** Whether the end of the present one was spoken of. */
    boolean isWarned() {
        return warned != null;
    }

    private void warn() {
        Token now = token();
        Instant at = clock.instant();
        Instant before = warned;
        if (now.terms().endsSoon(at) && (before == null || !at.isBefore(before.plus(SAY)))) {
            warned = at;
            Duration left = Duration.between(at, now.expires());
            long days = left.toDays();
            say.accept("the token of '" + now.name() + "' ends "
                    + (days == 0 ? "within a day" : days == 1 ? "in a day" : "in " + days + " days") + " ("
                    + now.expires() + "): "
                    + (key == null
                            ? "ask for another one"
                            : "ask whoever keeps the gateway to run token renew " + now.name()));
        }
    }

    /**
     * A gateway offers another token.
     *
     * @param showing the one that it took last: this one, or one before it, for whoever is to replace that need not end later than one
     *     that is of no use there
     * @return the id of the token that is this holder's from now on; null when it is not the one that was offered
     */
    public CompletionStage<@Nullable String> offer(String text, String showing) {
        Waiting offer = new Waiting(text, showing, new CompletableFuture<>());
        thread.execute(() -> look(offer));
        return offer.answer;
    }

    /** Each may be written to disk: what comes soon after another waits, and of several the latest. */
    private void look(Waiting offer) {
        Instant now = clock.instant();
        Instant before = offered;
        boolean soon = before != null && now.isBefore(before.plus(pause)) && !now.isBefore(before);
        if (offer.text.equals(jwt())) {
            offer.answer.complete(token().id());
        } else if (soon) {
            Waiting other = waiting;
            waiting = offer;
            if (other == null) {
                thread.schedule(this::lookAtWaiting, pause.toMillis(), TimeUnit.MILLISECONDS);
            } else {
                other.answer.complete(null);
            }
        } else {
            offered = now;
            offer.answer.completeAsync(() -> take(offer.text, offer.showing), Runnable::run);
        }
    }

    private void lookAtWaiting() {
        Waiting offer = waiting;
        waiting = null;
        offered = null;
        if (offer != null) {
            look(offer);
        }
    }

    private @Nullable String take(String text, String inUse) {
        try {
            Token next = checked(text, TokenReader.read(inUse, token().kind()));
            boolean kept = keep(text);
            Consumer<String> showing;
            synchronized (this) {
                token = next;
                jwt = text;
                showing = show;
            }
            warned = null;
            showing.accept(text);
            say.accept("the token of '" + next.name() + "' was renewed: it is valid until " + next.expires()
                    + (kept
                            ? ""
                            : "; it is in memory only, for profile '" + given.profile()
                                    + "' was logged out, or in with another token"));
            return next.id();
        } catch (TokenException e) {
            say.accept(
                    "the gateway offers a token that is not taken: " + Printable.line(String.valueOf(e.getMessage())));
        } catch (StateException e) {
            say.accept("the gateway has renewed the token, which cannot be kept: " + e.getMessage());
        }
        return null;
    }

    /** @return false when the profile is no longer of the token that this process was started with */
    private boolean keep(String text) throws StateException {
        String profile = given.profile();
        if (profile != null) {
            return new Profiles(directory).renew(profile, given.jwt(), text);
        }
        SecretFile.write(file, text + "\n", true, Map.of());
        return true;
    }

    /** Reads a token that is to take the place of one. Its signature is for gateways to verify, which take none that is forged. */
    private Token checked(String text, Token now) throws TokenException {
        Token next = TokenReader.read(text, now.kind());
        Token asGiven = next.withTerms(given.token().terms());
        String why = !next.name().equals(now.name())
                ? "it is another holder's"
                : key == null || !next.binding().equals(new TokenBinding.Key(key))
                        ? "it is not bound to this holder's key"
                        : !java.util.Objects.equals(next.pin(), now.pin())
                                        || now.pin() == null && !next.gateways().equals(now.gateways())
                                ? "it is for gateways of another authority"
                                : !asGiven.equals(given.token())
                                        ? "its rights are others"
                                        : !next.expires().isAfter(now.expires()) ? "it does not end later" : null;
        if (why != null) {
            throw new TokenException(TokenException.Cause.INVALID_CLAIMS, why);
        }
        return next;
    }

    @Override
    public void close() {
        thread.shutdownNow();
    }
}
