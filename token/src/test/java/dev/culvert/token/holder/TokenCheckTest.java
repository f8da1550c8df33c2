package dev.culvert.token.holder;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.doctor.Finding;
import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenTerms;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What can be said of a token without its gateway. */
@NullUnmarked
final class TokenCheckTest {
    private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

    @TempDir
    Path dir;

    private static ClientToken token(TokenBinding binding) {
        return ClientToken.of(
                TokenTerms.of(
                                "laptop",
                                List.of(URI.create("wss://vpn.test:443")),
                                null,
                                NOW,
                                NOW.plus(Duration.ofDays(30)))
                        .withBinding(binding),
                List.of(Grant.parse("office:10.0.0.0/8")));
    }

    private Finding look(Callable<HolderOptions.Holder> source, Duration later) throws Exception {
        List<Finding> findings = new TokenCheck(source, dir, Clock.fixed(NOW.plus(later), ZoneOffset.UTC)).look();
        assertThat(findings).hasSize(1);
        return findings.get(0);
    }

    private Finding look(TokenBinding binding, Duration later) throws Exception {
        return look(() -> HolderOptions.Holder.of("a.b.c", token(binding), "work"), later);
    }

    @Test
    void oneThatIsGood() throws Exception {
        assertThat(look(TokenBinding.BEARER, Duration.ofDays(1)))
                .isEqualTo(Finding.good("token", "of 'laptop', profile 'work', until 2026-12-30T12:00:00Z"));
        assertThat(look(TokenBinding.BEARER, Duration.ofDays(29)).what()).endsWith("(soon: ask for another one)");
        assertThat(look(TokenBinding.BEARER, Duration.ofSeconds(-50)).state())
                .as("clocks may differ a little")
                .isEqualTo(Finding.State.GOOD);
    }

    @Test
    void oneOutOfItsTime() throws Exception {
        Finding over = look(TokenBinding.BEARER, Duration.ofDays(31));
        assertThat(over.state()).isEqualTo(Finding.State.BAD);
        assertThat(over.what()).contains("has ended at 2026-12-30T12:00:00Z, and it is 2026-12-31T12:00:00Z here");
        Finding early = look(TokenBinding.BEARER, Duration.ofDays(-365));
        assertThat(early.state()).isEqualTo(Finding.State.BAD);
        assertThat(early.what()).contains("was made at 2026-11-30T12:00:00Z, and it is 2025-11-30T12:00:00Z here");
        assertThat(early.cure()).startsWith("set this machine's clock");
    }

    @Test
    void oneOfAnotherMachine() throws Exception {
        HolderKey other = HolderKey.generate();
        Finding found = look(new TokenBinding.Key(other.thumbprint()), Duration.ofDays(1));
        assertThat(found.state()).isEqualTo(Finding.State.BAD);
        assertThat(found.what()).startsWith("of 'laptop', profile 'work': ");
        assertThat(found.cure()).isEqualTo("it works on the machine that it was made for");
    }

    @Test
    void none() throws Exception {
        Finding found = look(
                () -> {
                    throw new SecretException("no token is kept here");
                },
                Duration.ZERO);
        assertThat(found.state()).isEqualTo(Finding.State.BAD);
        assertThat(found.what()).isEqualTo("no token is kept here");
    }

    @Test
    void itIsReadOnce() throws Exception {
        int[] reads = new int[1];
        HolderSource source = new HolderSource(() -> {
            reads[0]++;
            return HolderOptions.Holder.of("a.b.c", token(TokenBinding.BEARER), null);
        });
        look(source, Duration.ZERO);
        assertThat(look(source, Duration.ZERO).what()).isEqualTo("of 'laptop', until 2026-12-30T12:00:00Z");
        assertThat(reads[0]).isOne();
    }
}
