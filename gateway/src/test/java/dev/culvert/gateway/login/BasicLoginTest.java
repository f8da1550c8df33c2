package dev.culvert.gateway.login;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.address.IpLiteral;
import dev.culvert.gateway.login.BasicLogin.Answer;
import dev.culvert.gateway.login.BasicLogin.Outcome;
import dev.culvert.policy.publication.PublicationOptions.User;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class BasicLoginTest {
    /** A minute, however slow the machine is. */
    private static final int PATIENCE = 60;

    private static final InetAddress HERE = at("192.0.2.1");

    private final User ann = new User("ann", hash("secret", "2b"));
    private final User bob = new User("bob", hash("grün", "2y"));
    private final PasswordChecks threads = new PasswordChecks();

    /** Computes nothing: what is answered with it was known. */
    private final PasswordChecks none = new PasswordChecks();

    private long now = 1;
    private final BasicLogin login = new BasicLogin(List.of(ann, bob), null, () -> now);
    private final List<CountDownLatch> held = new ArrayList<>();

    private static InetAddress at(String text) {
        return Objects.requireNonNull(IpLiteral.parse(text));
    }

    private static InetAddress address(int n) {
        return at("10." + n / 65_536 + "." + n / 256 % 256 + "." + n % 256);
    }

    /** The lowest cost: what it is worth is not what is tested. */
    private static String hash(String password, String version) {
        return OpenBSDBCrypt.generate(version, password.getBytes(StandardCharsets.UTF_8), new byte[16], 4);
    }

    private static List<String> said(String name, String password) {
        return List.of("Basic "
                + Base64.getEncoder().encodeToString((name + ":" + password).getBytes(StandardCharsets.UTF_8)));
    }

    private Future<Answer> ask(String name, String password, InetAddress from, PasswordChecks by) {
        return login.check(said(name, password), from, ImmediateEventExecutor.INSTANCE, by);
    }

    private Outcome answer(String name, String password, InetAddress from) {
        return answered(ask(name, password, from, threads)).outcome();
    }

    private static Answer answered(Future<Answer> future) {
        assertThat(future.awaitUninterruptibly(PATIENCE, TimeUnit.SECONDS)).isTrue();
        return future.getNow();
    }

    /** Threads do nothing else from now on. */
    private void occupy() {
        CountDownLatch end = new CountDownLatch(1);
        held.add(end);
        for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
            threads.soon(() -> {
                try {
                    end.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
        }
    }

    @BeforeEach
    void close() {
        none.close();
    }

    @AfterEach
    void end() {
        held.forEach(CountDownLatch::countDown);
        threads.close();
    }

    @Test
    void whoKnowsThePasswordIsKnown() {
        assertThat(answered(ask("ann", "secret", HERE, threads))).isEqualTo(new Answer(Outcome.KNOWN, "ann"));
        assertThat(answered(ask("bob", "grün", HERE, threads))).isEqualTo(new Answer(Outcome.KNOWN, "bob"));
        assertThat(answer("ann", "grün", HERE)).isEqualTo(Outcome.ASKED);
        assertThat(answer("ann", "", HERE)).isEqualTo(Outcome.ASKED);
        assertThat(answer("ANN", "secret", HERE)).isEqualTo(Outcome.ASKED);
    }

    @Test
    void eachRequestAfterTheFirstCostsNothing() {
        assertThat(ask("ann", "secret", HERE, none).getNow().outcome()).isEqualTo(Outcome.BUSY);
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.KNOWN);
        assertThat(ask("ann", "secret", HERE, none).getNow()).isEqualTo(new Answer(Outcome.KNOWN, "ann"));
        assertThat(ask("ann", "secret", address(7), none).getNow().outcome()).isEqualTo(Outcome.KNOWN);
    }

    /** A page has a hundred parts, which all come before the first is answered. */
    @Test
    void whatComesAtOnceIsLookedAtOnce() {
        occupy();
        List<Future<Answer>> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            answers.add(ask("ann", "secret", HERE, threads));
        }
        assertThat(login.runningChecks()).isEqualTo(1);
        assertThat(answers).noneMatch(Future::isDone);
        held.forEach(CountDownLatch::countDown);
        assertThat(answers).allMatch(a -> answered(a).outcome() == Outcome.KNOWN);
        assertThat(login.runningChecks()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Basic", "Basic !", "Basic YW5u", "Bearer YW5uOnNlY3JldA==", "BasicYW5uOnNlY3JldA=="})
    void whatIsNoNameAndPasswordIsNone(String field) {
        assertThat(login.check(List.of(field), HERE, ImmediateEventExecutor.INSTANCE, none)
                        .getNow()
                        .outcome())
                .isEqualTo(Outcome.ASKED);
    }

    @Test
    void aFieldIsThereOnceAndItsSchemeIsWrittenAnyhow() {
        String field = said("ann", "secret").get(0);
        assertThat(login.check(List.of(field, field), HERE, ImmediateEventExecutor.INSTANCE, none)
                        .getNow()
                        .outcome())
                .isEqualTo(Outcome.ASKED);
        assertThat(answered(login.check(
                                List.of(field.replace("Basic ", "bASIC  ")),
                                HERE,
                                ImmediateEventExecutor.INSTANCE,
                                threads))
                        .outcome())
                .isEqualTo(Outcome.KNOWN);
    }

    /** Also of a name that there is not a hash is computed, and be it another's: nobody learns by the time who there is. */
    @Test
    void anUnknownNameTakesAsLong() {
        assertThat(ask("eve", "secret", HERE, none).getNow().outcome()).isEqualTo(Outcome.BUSY);
        for (String password : List.of("secret", "grün")) {
            assertThat(answer("eve", password, HERE)).isEqualTo(Outcome.ASKED);
        }
        for (int i = 0; i < BasicLogin.FREE_FAILURES - 2; i++) {
            assertThat(answer("eve" + i, "x", HERE)).isEqualTo(Outcome.ASKED);
        }
        assertThat(answer("eve", "y", HERE)).as("it counts, too").isEqualTo(Outcome.TOO_OFTEN);
    }

    @Test
    void guessesAreLimitedByTheNetworkThatTheyComeFrom() {
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.KNOWN);
        for (int i = 0; i < BasicLogin.FREE_FAILURES; i++) {
            assertThat(answer("ann", "guess" + i, HERE)).isEqualTo(Outcome.ASKED);
        }
        assertThat(answer("ann", "guess", HERE)).isEqualTo(Outcome.TOO_OFTEN);
        assertThat(answer("ann", "secret", HERE))
                .as("a guess that is right looks like one that is wrong")
                .isEqualTo(Outcome.TOO_OFTEN);
        assertThat(answer("bob", "guess", HERE)).isEqualTo(Outcome.TOO_OFTEN);
        assertThat(answer("ann", "secret", address(1))).isEqualTo(Outcome.KNOWN);
        assertThat(answer("bob", "guess", address(1))).isEqualTo(Outcome.ASKED);
        now += TimeUnit.SECONDS.toNanos(BasicLogin.FORGIVEN_SECONDS);
        assertThat(answer("ann", "guess", HERE)).isEqualTo(Outcome.ASKED);
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.TOO_OFTEN);
        now += TimeUnit.SECONDS.toNanos(BasicLogin.FORGIVEN_SECONDS);
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.KNOWN);
    }

    /** A program that goes on with an old password shuts nobody out who shares its address. */
    @Test
    void theSameWrongPasswordIsOneGuess() {
        assertThat(answer("ann", "old", HERE)).isEqualTo(Outcome.ASKED);
        for (int i = 0; i < 10 * BasicLogin.FREE_FAILURES; i++) {
            assertThat(ask("ann", "old", HERE, none).getNow().outcome()).isEqualTo(Outcome.ASKED);
        }
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.KNOWN);
        assertThat(ask("ann", "old", address(1), none).getNow().outcome())
                .as("nobody learns what others have tried")
                .isEqualTo(Outcome.BUSY);
    }

    @Test
    void aFloodWaitsWithinBounds() {
        occupy();
        for (int i = 0; i < 1_000; i++) {
            Future<Answer> one = ask("ann", "guess" + i, HERE, threads);
            assertThat(one.isDone()).isEqualTo(i >= BasicLogin.MAX_CHECKS_FROM);
        }
        assertThat(login.runningChecks()).isEqualTo(BasicLogin.MAX_CHECKS_FROM);
        Future<Answer> last = null;
        for (int i = 0; i < 10_000; i++) {
            last = ask("ann", "guess", address(i), threads);
        }
        assertThat(login.runningChecks()).isEqualTo(BasicLogin.MAX_CHECKS);
        assertThat(Objects.requireNonNull(last).getNow().outcome()).isEqualTo(Outcome.BUSY);
        BasicLogin other = new BasicLogin(List.of(bob), null, () -> now);
        Future<Answer> others = other.check(said("bob", "grün"), HERE, ImmediateEventExecutor.INSTANCE, threads);
        assertThat(others.isDone()).as("it waits for its turn").isFalse();
        held.forEach(CountDownLatch::countDown);
        assertThat(answered(others).outcome()).isEqualTo(Outcome.KNOWN);
        await().atMost(PATIENCE, TimeUnit.SECONDS).until(() -> login.runningChecks() == 0);
        assertThat(answer("ann", "secret", address(20_000))).isEqualTo(Outcome.KNOWN);
    }

    @Test
    void nothingIsRememberedWithoutBound() {
        for (int i = 0; i < BasicLogin.MAX_WRONG + 50; i++) {
            assertThat(answer("ann", "guess", address(i))).isEqualTo(Outcome.ASKED);
        }
        assertThat(login.knownWrong()).isEqualTo(BasicLogin.MAX_WRONG);
    }

    @Test
    void aChangedHashForgetsWhoWasKnown() {
        assertThat(answer("ann", "secret", HERE)).isEqualTo(Outcome.KNOWN);
        assertThat(answer("bob", "grün", HERE)).isEqualTo(Outcome.KNOWN);
        User changed = new User("ann", hash("changed", "2b"));
        BasicLogin next = new BasicLogin(List.of(changed, bob), login, () -> now);
        assertThat(answered(next.check(said("bob", "grün"), HERE, ImmediateEventExecutor.INSTANCE, none))
                        .outcome())
                .isEqualTo(Outcome.KNOWN);
        assertThat(answered(next.check(said("ann", "secret"), HERE, ImmediateEventExecutor.INSTANCE, threads))
                        .outcome())
                .isEqualTo(Outcome.ASKED);
        assertThat(answered(next.check(said("ann", "changed"), HERE, ImmediateEventExecutor.INSTANCE, threads))
                        .outcome())
                .isEqualTo(Outcome.KNOWN);
        BasicLogin without = new BasicLogin(List.of(changed), next, () -> now);
        assertThat(answered(without.check(said("bob", "grün"), HERE, ImmediateEventExecutor.INSTANCE, threads))
                        .outcome())
                .isEqualTo(Outcome.ASKED);
    }

    /** Who reloads the options has not let the guessing begin anew. */
    @Test
    void failuresOutliveAChange() {
        for (int i = 0; i < BasicLogin.FREE_FAILURES; i++) {
            assertThat(answer("ann", "guess" + i, HERE)).isEqualTo(Outcome.ASKED);
        }
        BasicLogin next = new BasicLogin(List.of(new User("ann", hash("other", "2b"))), login, () -> now);
        assertThat(answered(next.check(said("ann", "other"), HERE, ImmediateEventExecutor.INSTANCE, threads))
                        .outcome())
                .isEqualTo(Outcome.TOO_OFTEN);
    }

    @Test
    void nothingSaysItsHashOrPassword() {
        assertThat(ann.toString()).isEqualTo("ann");
        assertThat(String.valueOf(BasicCredentials.read(said("ann", "secret")))).isEqualTo("ann");
    }
}
