package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.SetClock;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.door.Authenticator.Accepted;
import dev.culvert.gateway.door.Authenticator.Admission;
import dev.culvert.gateway.door.Authenticator.Challenged;
import dev.culvert.gateway.door.Authenticator.Refused;
import dev.culvert.gateway.limit.Services;
import dev.culvert.store.FileStore;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.holder.HolderKey;
import dev.culvert.token.state.Enrolments;
import dev.culvert.token.state.Revocations;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.tunnel.link.LinkProof;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who gets a link, by a clock of the test's own. */
@NullUnmarked
final class AuthenticatorTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final byte[] CERTIFICATE = LinkProof.sha256(new byte[] {1});
    private static final byte[] OTHER = LinkProof.sha256(new byte[] {2});

    @TempDir
    Path dir;

    private final SetClock clock = new SetClock(NOW);
    private StateDirectory state;
    private Revocations revocations;
    private Authenticator authenticator;

    private static final URI GATEWAY = URI.create("wss://vpn.example");

    @BeforeEach
    void start() throws Exception {
        state = StateDirectory.openOrCreate(dir, clock);
        state.setGatewayUrls(List.of(GATEWAY));
        restart();
    }

    private void restart() throws Exception {
        revocations = state.revocations();
        authenticator = new Authenticator(
                state.verifier(),
                revocations,
                Enrolments.open(new FileStore(dir), clock),
                Services.of(AuditLog.none(), clock, System::nanoTime, 1));
    }

    private Token token(TokenBinding binding) {
        return ClientToken.of(
                TokenTerms.of("laptop", List.of(GATEWAY), null, clock.now, clock.now.plus(Duration.ofDays(30)))
                        .withBinding(binding),
                List.of(Grant.parse("*:10.0.0.0/8")));
    }

    private String sign(Token token) throws Exception {
        return state.signer().sign(token);
    }

    private Admission judge(String jwt, String proof) {
        return authenticator.judge(jwt, proof, CERTIFICATE, "192.0.2.1:5");
    }

    /** As a holder with this key would do it. */
    private Admission connect(String jwt, HolderKey key) {
        Admission first = judge(jwt, null);
        return first instanceof Challenged c ? judge(jwt, proof(jwt, key, c.nonce(), CERTIFICATE)) : first;
    }

    private static String proof(String jwt, HolderKey key, String nonce, byte[] certificate) {
        return LinkProof.sign(key.pair(), nonce, jwt, certificate).header();
    }

    private static String refusal(Admission admission) {
        assertThat(admission).isInstanceOf(Refused.class);
        Refused refused = (Refused) admission;
        assertThat(refused.ours()).isTrue();
        return refused.why();
    }

    @Test
    void aBearerTokenNeedsNoMore() throws Exception {
        assertThat(judge(sign(token(TokenBinding.BEARER)), null)).isInstanceOfSatisfying(Accepted.class, a -> {
            assertThat(a.token().name()).isEqualTo("laptop");
            assertThat(a.key()).isNull();
        });
        assertThat(judge("nonsense", null))
                .isInstanceOfSatisfying(Refused.class, r -> assertThat(r.ours()).isFalse());
    }

    @Test
    void theFirstKeyEnrolsAndNoOtherCanUseTheToken() throws Exception {
        String jwt = sign(token(new TokenBinding.Enrolment(NOW.plusSeconds(60))));
        HolderKey mine = HolderKey.generate();
        HolderKey thief = HolderKey.generate();
        assertThat(connect(jwt, mine))
                .isInstanceOfSatisfying(Accepted.class, a -> assertThat(a.key()).isEqualTo(mine.thumbprint()));
        assertThat(refusal(connect(jwt, thief))).contains("already enrolled by another key", "revoked");
        clock.now = NOW.plus(Duration.ofDays(20));
        assertThat(connect(jwt, mine)).isInstanceOf(Accepted.class);
        assertThat(refusal(connect(jwt, thief))).contains("already enrolled");
        restart();
        assertThat(refusal(connect(jwt, thief))).contains("already enrolled");
        assertThat(connect(jwt, mine)).isInstanceOf(Accepted.class);
    }

    @Test
    void afterTheDeadlineNobodyEnrols() throws Exception {
        String jwt = sign(token(new TokenBinding.Enrolment(NOW.plusSeconds(60))));
        clock.now = NOW.plusSeconds(60);
        assertThat(refusal(connect(jwt, HolderKey.generate()))).contains("had to be used first before");
        restart();
        clock.now = NOW.plusSeconds(59);
        assertThat(connect(jwt, HolderKey.generate())).isInstanceOf(Accepted.class);
    }

    @Test
    void aTokenMadeForAKeyTakesThatOne() throws Exception {
        HolderKey mine = HolderKey.generate();
        String jwt = sign(token(new TokenBinding.Key(mine.thumbprint())));
        assertThat(connect(jwt, mine)).isInstanceOf(Accepted.class);
        assertThat(refusal(connect(jwt, HolderKey.generate()))).contains("another key than yours");
    }

    /** What somebody has who read a proof, or obtained one by posing as the gateway. */
    @Test
    void proofsAreGoodOnceForOneTokenAndOneServer() throws Exception {
        HolderKey mine = HolderKey.generate();
        String jwt = sign(token(new TokenBinding.Key(mine.thumbprint())));
        String other = sign(token(new TokenBinding.Key(mine.thumbprint())));
        String proof = proof(jwt, mine, ((Challenged) judge(jwt, null)).nonce(), CERTIFICATE);
        assertThat(judge(other, proof)).isInstanceOf(Challenged.class);
        assertThat(judge(jwt, proof)).isInstanceOf(Accepted.class);
        assertThat(judge(jwt, proof)).isInstanceOf(Challenged.class);

        String relayed = proof(jwt, mine, ((Challenged) judge(jwt, null)).nonce(), OTHER);
        assertThat(refusal(judge(jwt, relayed))).contains("another certificate");
        String unbound = proof(jwt, mine, ((Challenged) judge(jwt, null)).nonce(), null);
        assertThat(refusal(judge(jwt, unbound))).contains("another certificate");
        // Behind a proxy that ends TLS the gateway shows no certificate, and cannot tell.
        String proxied = proof(jwt, mine, ((Challenged) judge(jwt, null)).nonce(), OTHER);
        assertThat(authenticator.judge(jwt, proxied, null, "")).isInstanceOf(Accepted.class);

        String made = proof(jwt, mine, "bm9uY2U", CERTIFICATE);
        assertThat(judge(jwt, made)).isInstanceOf(Challenged.class);
        assertThat(refusal(judge(jwt, "a.b.c.d"))).contains("malformed");
    }

    /** Whatever is changed in a proof, it is not taken. */
    @Test
    void alteredProofsAreRefused() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        HolderKey mine = HolderKey.generate();
        String jwt = sign(token(new TokenBinding.Key(mine.thumbprint())));
        String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
        for (int i = 0; i < 300; i++) {
            String proof = proof(jwt, mine, ((Challenged) judge(jwt, null)).nonce(), CERTIFICATE);
            int at = random.nextInt(proof.length());
            char other = alphabet.charAt(random.nextInt(alphabet.length()));
            if (proof.charAt(at) != other) {
                String altered = proof.substring(0, at) + other + proof.substring(at + 1);
                assertThat(judge(jwt, altered)).as("seed %d: %s", seed, altered).isNotInstanceOf(Accepted.class);
            }
        }
    }

    @Test
    void revokedTokensAreRefusedBeforeAnythingElse() throws Exception {
        HolderKey mine = HolderKey.generate();
        Token one = token(new TokenBinding.Enrolment(NOW.plusSeconds(60)));
        Token two = token(TokenBinding.BEARER);
        assertThat(connect(sign(one), mine)).isInstanceOf(Accepted.class);
        revocations.revokeId(one.id(), "lost");
        assertThat(refusal(connect(sign(one), mine))).isEqualTo("your token was revoked; ask for a new one");
        assertThat(judge(sign(two), null)).isInstanceOf(Accepted.class);
        revocations.revokeName(EnumSet.allOf(Token.Kind.class), "laptop", "");
        assertThat(refusal(judge(sign(two), null))).contains("revoked");
        restart();
        assertThat(refusal(judge(sign(two), null))).contains("revoked");
        clock.now = NOW.plusSeconds(1);
        assertThat(judge(sign(token(TokenBinding.BEARER)), null)).isInstanceOf(Accepted.class);
    }

    @Test
    void noncesLiveHalfAMinuteAndAreUsedOnce() {
        AtomicLong time = new AtomicLong(Long.MAX_VALUE - 5); // nanoTime may overflow
        ProofNonces nonces = new ProofNonces(time::get);
        String nonce = nonces.issue("token");
        assertThat(nonces.issue("token")).isNotEqualTo(nonce);
        assertThat(nonces.redeem(nonce, "another")).isFalse();
        assertThat(new ProofNonces(time::get).redeem(nonce, "token")).isFalse();
        time.addAndGet(ProofNonces.LIFE.toNanos());
        assertThat(nonces.redeem(nonce + "=", "token")).isFalse();
        assertThat(nonces.redeem(nonce, "token")).isTrue();
        assertThat(nonces.redeem(nonce, "token")).isFalse();
        String late = nonces.issue("token");
        time.addAndGet(ProofNonces.LIFE.toNanos() + 1);
        assertThat(nonces.redeem(late, "token")).isFalse();
        assertThat(nonces.redeem("", "token")).isFalse();
        assertThat(nonces.redeem("%", "token")).isFalse();
    }

    /** Used nonces are remembered up to a bound; beyond it nobody gets in with an old one, nor with a new one. */
    @Test
    void usedNoncesAreBounded() {
        AtomicLong time = new AtomicLong();
        ProofNonces nonces = new ProofNonces(time::get);
        String first = nonces.issue("t");
        assertThat(nonces.redeem(first, "t")).isTrue();
        for (int i = 1; i < ProofNonces.MAX_USED; i++) {
            nonces.redeem(nonces.issue("t"), "t");
        }
        assertThat(nonces.redeem(nonces.issue("t"), "t")).isFalse();
        assertThat(nonces.redeem(first, "t")).isFalse();
        time.addAndGet(ProofNonces.LIFE.toNanos() + 1);
        assertThat(nonces.redeem(nonces.issue("t"), "t")).isTrue();
    }
}
