package dev.culvert.token.holder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.sign.TokenSigner;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which tokens a holder takes from its gateway in the place of its own. */
@NullUnmarked
final class RenewedTokenTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final String PIN = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    private static final HolderKey KEY = HolderKey.generate();
    private static final TokenSigner SIGNER = new TokenSigner(SigningKey.generate());
    private static final TokenSigner OTHER_SIGNER = new TokenSigner(SigningKey.generate());

    @TempDir
    Path dir;

    private final List<String> said = Collections.synchronizedList(new ArrayList<>());
    private final List<String> shown = Collections.synchronizedList(new ArrayList<>());
    private Instant now = NOW;
    private Duration step = Duration.ofMinutes(1);

    private final Clock clock = new Clock() {
        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            now = now.plus(step); // offers come at most so often
            return now;
        }
    };

    private static TokenTerms terms(String name, String pin, int days) {
        return TokenTerms.of(name, List.of(URI.create("wss://a.test")), pin, NOW, NOW.plus(Duration.ofDays(days)))
                .withBinding(new TokenBinding.Key(KEY.thumbprint()));
    }

    private static String laptop(int days) {
        return SIGNER.sign(ClientToken.of(terms("laptop", PIN, days), List.of(Grant.parse("office:10.0.0.0/8"))));
    }

    private RenewedToken holder(String jwt) throws Exception {
        return holder(jwt, KEY);
    }

    private RenewedToken holder(String jwt, HolderKey key) throws Exception {
        return new RenewedToken(
                new HolderOptions.Holder(jwt, TokenReader.read(jwt), null, null),
                key == null ? null : key.pair(),
                dir,
                clock,
                said::add);
    }

    private static String offer(RenewedToken holder, String jwt) throws Exception {
        return offer(holder, jwt, holder.jwt());
    }

    private static String offer(RenewedToken holder, String jwt, String showing) throws Exception {
        return holder.offer(jwt, showing).toCompletableFuture().get(60, TimeUnit.SECONDS);
    }

    @Test
    void alaterOneIsKeptShownAndTakenUpByTheNextProcess() throws Exception {
        String first = laptop(30);
        String second = laptop(60);
        Token later = TokenReader.read(second);
        try (RenewedToken holder = holder(first)) {
            holder.start(shown::add);
            assertThat(offer(holder, second)).isEqualTo(later.id());
            assertThat(holder.jwt()).isEqualTo(second);
            assertThat(shown).containsExactly(second);
            assertThat(said)
                    .containsExactly("the token of 'laptop' was renewed: it is valid until 2027-01-21T12:00:00Z");
            assertThat(offer(holder, second)).as("it is said again").isEqualTo(later.id());
            assertThat(shown).hasSize(1);
        }
        Path file = dir.resolve("renewed-laptop.token");
        assertThat(Files.readString(file).strip()).isEqualTo(second);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        try (RenewedToken next = holder(first)) {
            assertThat(next.jwt()).isEqualTo(second);
            assertThat(next.token()).isEqualTo(later);
        }
        try (RenewedToken another = holder(laptop(90))) {
            assertThat(another.token().expires()).as("a newer one was given").isEqualTo(NOW.plus(Duration.ofDays(90)));
        }
        Files.writeString(file, "rubbish");
        said.clear();
        try (RenewedToken next = holder(first)) {
            assertThat(next.jwt()).isEqualTo(first);
            assertThat(said).singleElement().asString().startsWith("not used: ").contains(file.toString());
        }
    }

    private void refused(String why, Token token) throws Exception {
        refused(why, SIGNER.sign(token));
    }

    private void refused(String why, String jwt) throws Exception {
        said.clear();
        try (RenewedToken holder = holder(laptop(30))) {
            holder.start(shown::add);
            assertThat(offer(holder, jwt)).isNull();
            assertThat(said)
                    .singleElement()
                    .asString()
                    .startsWith("the gateway offers a token that is not taken: ")
                    .contains(why);
            assertThat(shown).isEmpty();
            assertThat(holder.token().expires()).isEqualTo(NOW.plus(Duration.ofDays(30)));
        }
        assertThat(dir.resolve("renewed-laptop.token")).doesNotExist();
    }

    @Test
    void anythingElseIsNotTaken() throws Exception {
        List<Grant> grants = List.of(Grant.parse("office:10.0.0.0/8"));
        refused("another holder's", ClientToken.of(terms("phone", PIN, 60), grants));
        refused(
                "not bound to this holder's key",
                ClientToken.of(terms("laptop", PIN, 60).withBinding(TokenBinding.BEARER), grants));
        refused(
                "not bound to this holder's key",
                ClientToken.of(
                        terms("laptop", PIN, 60)
                                .withBinding(new TokenBinding.Key(
                                        HolderKey.generate().thumbprint())),
                        grants));
        refused("another authority", ClientToken.of(terms("laptop", KEY.thumbprint(), 60), grants));
        refused("another authority", ClientToken.of(terms("laptop", null, 60), grants));
        refused("its rights are others", ClientToken.of(terms("laptop", PIN, 60), List.of(Grant.parse("*:0.0.0.0/0"))));
        refused(
                "its rights are others",
                new ClientToken(terms("laptop", PIN, 60), grants, List.of(), List.of("corp.example")));
        refused("does not end later", laptop(30));
        refused("does not end later", laptop(29));
        refused("token", "x.y.z\u001b");
        refused(
                "agent",
                SIGNER.sign(dev.culvert.token.AgentToken.of(
                        terms("laptop", PIN, 60), List.of(dev.culvert.address.IpPrefix.parse("10.0.0.0/8")))));
    }

    /** Which of them is genuine its gateways say; see LinkConnector. */
    @Test
    void whoSignedItIsNotTheHoldersToSay() throws Exception {
        String forged =
                OTHER_SIGNER.sign(ClientToken.of(terms("laptop", PIN, 60), List.of(Grant.parse("office:10.0.0.0/8"))));
        try (RenewedToken holder = holder(laptop(30))) {
            assertThat(offer(holder, forged)).isNotNull();
        }
    }

    /** One that ends in the far future, and that gateways refuse, keeps no genuine one out. */
    @Test
    void oneThatIsOfNoUseIsReplacedByOneThatEndsBeforeIt() throws Exception {
        String first = laptop(30);
        String forged = OTHER_SIGNER.sign(
                ClientToken.of(terms("laptop", PIN, 3_000), List.of(Grant.parse("office:10.0.0.0/8"))));
        String genuine = laptop(60);
        try (RenewedToken holder = holder(first)) {
            assertThat(offer(holder, forged)).isNotNull();
            assertThat(offer(holder, genuine)).as("some gateway has taken it").isNull();
        }
        try (RenewedToken next = holder(first)) {
            assertThat(next.jwt()).isEqualTo(forged);
            assertThat(offer(next, laptop(29), first))
                    .as("it has to end later than what is in use")
                    .isNull();
            assertThat(offer(next, genuine, first)).isNotNull();
            assertThat(next.jwt()).isEqualTo(genuine);
        }
        try (RenewedToken last = holder(first)) {
            assertThat(last.jwt()).isEqualTo(genuine);
        }
    }

    /** Somebody renewed it wrongly, and then rightly. */
    @Test
    void ofThoseThatComeSoonAfterAnotherTheLatestIsTaken() throws Exception {
        step = Duration.ZERO;
        String first = laptop(30);
        try (RenewedToken holder = new RenewedToken(
                new HolderOptions.Holder(first, TokenReader.read(first), null, null),
                KEY.pair(),
                dir,
                clock,
                said::add,
                Duration.ofMillis(300))) {
            assertThat(offer(holder, laptop(40))).isNotNull();
            CompletionStage<String> second = holder.offer(laptop(50), first);
            String last = laptop(60);
            assertThat(offer(holder, last, first))
                    .isEqualTo(TokenReader.read(last).id());
            assertThat(second.toCompletableFuture().get(60, TimeUnit.SECONDS)).isNull();
            assertThat(holder.jwt()).isEqualTo(last);
        }
    }

    /** It is said of the next one again. */
    @Test
    void theEndOfARenewedOneIsSpokenOfThoughThatOfTheFirstWas() throws Exception {
        String first = laptop(1);
        now = NOW.plus(Duration.ofHours(22));
        try (RenewedToken holder = holder(first)) {
            holder.start(shown::add);
            assertThat(offer(holder, laptop(2))).isNotNull();
            assertThat(holder.isWarned()).isFalse();
        }
        assertThat(said).filteredOn(line -> line.contains(" ends ")).hasSize(1);
    }

    @Test
    void aBearerTokenIsNeverReplaced() throws Exception {
        List<Grant> grants = List.of(Grant.parse("office:10.0.0.0/8"));
        String bearer = SIGNER.sign(ClientToken.of(terms("laptop", PIN, 30).withBinding(TokenBinding.BEARER), grants));
        try (RenewedToken holder = holder(bearer, null)) {
            assertThat(offer(holder, laptop(60))).isNull();
            assertThat(offer(
                            holder,
                            SIGNER.sign(
                                    ClientToken.of(terms("laptop", PIN, 60).withBinding(TokenBinding.BEARER), grants))))
                    .isNull();
        }
    }

    @Test
    void itsEndIsSpokenOfWhenATenthOfItsLifeIsLeftAndTwoWeeksAtMost() throws Exception {
        assertThat(saidOfTheEnd(laptop(13), NOW)).isEmpty(); // short from the start
        assertThat(saidOfTheEnd(laptop(60), NOW.plus(Duration.ofDays(53)))).isEmpty();
        assertThat(saidOfTheEnd(laptop(60), NOW.plus(Duration.ofDays(55))))
                .containsExactly("the token of 'laptop' ends in 4 days (2027-01-21T12:00:00Z): ask whoever keeps the"
                        + " gateway to run token renew laptop");
        assertThat(saidOfTheEnd(laptop(1_000), NOW.plus(Duration.ofDays(985)))).isEmpty();
        assertThat(saidOfTheEnd(laptop(1_000), NOW.plus(Duration.ofDays(987)))).hasSize(1);
        assertThat(saidOfTheEnd(laptop(60), NOW.plus(Duration.ofDays(61)))).isEmpty();
    }

    private List<String> saidOfTheEnd(String jwt, Instant at) throws Exception {
        said.clear();
        now = at;
        try (RenewedToken holder = holder(jwt)) {
            holder.start(shown::add);
            offer(holder, "x"); // behind what is said at the start
        }
        return said.stream().filter(line -> line.contains(" ends ")).toList();
    }
}
