package dev.culvert.token.issue;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.Renewals;
import dev.culvert.token.state.StateDirectory;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** A later end for tokens that are bound to a key, as somebody at a shell sees it. */
@NullUnmarked
final class RenewTest {
    private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
    private static final String KEY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    @TempDir
    Path temp;

    private Instant now = NOW;
    private String out;
    private String err;

    private int run(String command, String... more) {
        List<String> line =
                new ArrayList<>(List.of(command, "--state", temp.resolve("s").toString()));
        line.addAll(List.of(more));
        StringWriter o = new StringWriter();
        StringWriter e = new StringWriter();
        CommandLine program = Program.commandLine(
                new TokenCommand(InputStream.nullInputStream(), Map.of(), Clock.fixed(now, ZoneOffset.UTC), null));
        program.setOut(new PrintWriter(o));
        program.setErr(new PrintWriter(e));
        int code = program.execute(line.toArray(String[]::new));
        out = o.toString();
        err = e.toString();
        return code;
    }

    @BeforeEach
    void init() {
        assertThat(run("init", "--gateway", "wss://a.test")).as(err).isZero();
    }

    private Token client(String... more) throws Exception {
        List<String> line =
                new ArrayList<>(List.of("--name", "laptop", "--allow", "office:10.0.0.0/8", "--expires", "30d"));
        line.addAll(List.of(more));
        assertThat(run("client", line.toArray(String[]::new))).as(err).isZero();
        return TokenReader.read(out.strip());
    }

    private StateDirectory state() throws Exception {
        return StateDirectory.open(temp.resolve("s"), Clock.fixed(now, ZoneOffset.UTC));
    }

    private List<Renewals.Entry> waiting() throws Exception {
        return state().renewals().watch().current();
    }

    @Test
    void theNewOneSaysTheSameWithALaterEndAndWaits() throws Exception {
        Token old = client("--key", KEY);
        now = NOW.plus(Duration.ofDays(20));
        assertThat(run("init", "--gateway", "wss://a.test,wss://b.test")).isZero();
        assertThat(run("renew", "laptop")).as(err).isZero();
        assertThat(out)
                .contains("renewed client token of laptop, valid until 2027-01-11T12:00:00Z")
                .contains("the old one is valid until 2026-12-22T12:00:00Z")
                .hasLineCount(1);
        Renewals.Entry entry = waiting().get(0);
        Token token = state().verifier().verify(entry.jwt());
        assertThat(token.id()).isEqualTo(entry.id()).isNotEqualTo(old.id());
        assertThat(token.withTerms(old.terms())).isEqualTo(old);
        assertThat(token.binding()).isEqualTo(new TokenBinding.Key(KEY));
        assertThat(token.gateways()).hasToString("[wss://a.test, wss://b.test]");
        assertThat(entry.isFor(old, KEY)).isTrue();
        assertThat(entry.isFor(old, null)).isFalse();
        assertThat(entry.isFor(token, KEY)).as("its holder has it").isFalse();
        assertThat(entry.toString()).doesNotContain(entry.jwt());
        assertThat(run("list", "--json")).isZero();
        assertThat(out).contains(token.id(), old.id()).doesNotContain("claims", "jkt");
        assertThat(Files.readString(temp.resolve("s/audit.jsonl")))
                .contains("token-renewed")
                .doesNotContain(entry.jwt());

        now = NOW.plus(Duration.ofDays(25));
        assertThat(run("renew", "laptop", "--expires", "90d", "--json")).isZero();
        assertThat(out).contains("\"old\":\"" + token.id() + "\"");
        assertThat(waiting()).as("the later one takes its place").hasSize(1);
        assertThat(waiting().get(0).expires()).isEqualTo(now.plus(Duration.ofDays(90)));
        assertThat(state().renewals().remove(waiting().get(0).id())).isTrue();
        assertThat(state().renewals().remove(token.id())).isFalse();
        assertThat(waiting()).isEmpty();
    }

    @Test
    void oneThatWasEnrolledIsBoundToTheKeyThatCameFirst() throws Exception {
        Token old = client("--enrol");
        assertThat(run("renew", "laptop")).isEqualTo(1);
        assertThat(err).contains("no token of 'laptop' can be renewed").contains("were not used yet");
        state().enrolments().enrol(old, KEY);
        assertThat(run("renew", "laptop")).as(err).isZero();
        assertThat(waiting().get(0).isFor(old, KEY)).isFalse(); // not later, in frozen time
        assertThat(TokenReader.read(waiting().get(0).jwt()).binding()).isEqualTo(new TokenBinding.Key(KEY));
    }

    /** It knows its gateways by their names alone: it goes on connecting to those, and takes none that names others. */
    @Test
    void oneWithoutAPinGoesOnNamingItsGateways() throws Exception {
        Token old = client("--key", KEY, "--public-certificate");
        assertThat(old.pin()).isNull();
        now = NOW.plus(Duration.ofDays(20));
        assertThat(run("init", "--gateway", "wss://b.test")).as(err).isZero();
        assertThat(run("renew", "laptop")).as(err).isZero();
        Token token = state().verifier().verify(waiting().get(0).jwt());
        assertThat(token.gateways()).isEqualTo(old.gateways()).hasToString("[wss://a.test]");
        assertThat(token.terms().audience()).hasToString("[wss://b.test:443]");

        assertThat(run("init", "--gateway", "wss://c.test")).as(err).isZero();
        assertThat(run("renew", "laptop", "--expires", "90d")).as(err).isZero();
        Token again = state().verifier().verify(waiting().get(0).jwt());
        assertThat(again.gateways()).isEqualTo(old.gateways());
        assertThat(again.terms().audience()).as("follows each time").hasToString("[wss://c.test:443]");
    }

    /** One with a pin goes on connecting where it was told, to the gateways that it was told. */
    @Test
    void oneThatConnectsElsewhereStillDoes() throws Exception {
        Token old = client("--key", KEY, "--gateway", "wss://relay.test");
        assertThat(old.pin()).isNotNull();
        now = NOW.plus(Duration.ofDays(20));
        assertThat(run("init", "--gateway", "wss://b.test")).as(err).isZero();
        assertThat(run("renew", "laptop")).as(err).isZero();
        Token token = TokenReader.read(waiting().get(0).jwt());
        assertThat(token.gateways()).hasToString("[wss://relay.test]");
        assertThat(token.terms().audience()).isEqualTo(old.terms().audience());
    }

    /** Three generations, all handed over: what renews it goes with it, what it renews stays. */
    @Test
    void aRevocationEndsWhatRenewsIt() throws Exception {
        List<String> ids = new ArrayList<>(List.of(client("--key", KEY).id()));
        String other =
                client("--key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").id();
        for (int days = 60; days <= 120; days += 20) {
            assertThat(run("renew", "laptop", "--expires", days + "d")).as(err).isZero();
            for (Renewals.Entry handed : waiting()) {
                if (handed.key().equals(KEY)) {
                    ids.add(handed.id());
                }
                state().renewals().remove(handed.id());
            }
        }
        assertThat(ids).hasSize(5);
        assertThat(run("revoke", "--id", ids.get(3))).as(err).isZero();
        assertThat(out)
                .contains("revoked client token " + ids.get(3) + " of laptop (it renews " + ids.get(2) + "), which was")
                .contains("revoked client token " + ids.get(4) + " of laptop (it renews " + ids.get(3) + "), which was")
                .hasLineCount(2);
        assertThat(run("revoke", "--json", ids.get(0))).as(err).isZero();
        assertThat(out)
                .contains(ids.get(0), ids.get(1), ids.get(2))
                .contains("\"of\":\"" + ids.get(1) + "\"")
                .doesNotContain(ids.get(3), ids.get(4));
        assertThat(state().revocations().entries())
                .extracting(revocation -> revocation.id())
                .containsExactly(ids.get(3), ids.get(4), ids.get(0), ids.get(1), ids.get(2));
        assertThat(Files.readAllLines(temp.resolve("s/audit.jsonl")))
                .filteredOn(line -> line.contains("\"revoke\""))
                .hasSize(5);
        assertThat(state().revocations().isRevoked(Token.Kind.CLIENT, other, "laptop", NOW))
                .as("another machine's")
                .isFalse();
        assertThat(run("revoke", ids.get(0))).as(err).isZero();
        assertThat(out).contains("token list knows none that was in force").hasLineCount(1);
    }

    /** Its holder would never get it, and what is renewed next is what that has. */
    @Test
    void oneThatMayNotWaitIsTakenBack() throws Exception {
        Token old = client("--key", KEY);
        Path waiting = temp.resolve("s/renewals.jsonl");
        StringBuilder full = new StringBuilder();
        for (int i = 0; i < Renewals.MAX; i++) {
            full.append("{\"kind\":\"client\",\"name\":\"n" + i + "\",\"key\":\"" + KEY + "\",\"id\":\"i" + i
                    + "\",\"expires\":\"2027-06-01T00:00:00Z\",\"token\":\"t\"}\n");
        }
        Files.writeString(waiting, full);
        assertThat(run("renew", "laptop", "--expires", "60d")).isEqualTo(2);
        assertThat(err).contains("more than 500 renewed tokens wait");
        assertThat(state().issued().read())
                .singleElement()
                .satisfies(entry -> assertThat(entry.id()).isEqualTo(old.id()));
        Files.delete(waiting);
        assertThat(run("renew", "laptop", "--expires", "60d")).as(err).isZero();
        assertThat(waiting().get(0).of()).isEqualTo(old.id());
    }

    @Test
    void aRevocationTakesOutWhatWaits() throws Exception {
        Token old = client("--key", KEY);
        Token other = client("--key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        now = NOW.plus(Duration.ofDays(20));
        assertThat(run("renew", "laptop")).as(err).isZero();
        assertThat(run("renew", "laptop", "--expires", "90d")).as(err).isZero(); // before it was handed over
        assertThat(waiting()).hasSize(2);
        assertThat(run("revoke", "--id", old.id())).as(err).isZero();
        assertThat(waiting())
                .singleElement()
                .satisfies(entry -> assertThat(entry.isFor(other, entry.key())).isTrue());
        assertThat(run("revoke", "--id", waiting().get(0).id())).as(err).isZero();
        assertThat(waiting()).isEmpty();
        assertThat(run("renew", "laptop")).as(err).isZero();
        assertThat(waiting()).isNotEmpty();
        assertThat(run("revoke", "--name", "laptop")).as(err).isZero();
        assertThat(waiting()).isEmpty();
    }

    @Test
    void whatCannotBeRenewedSaysWhy() throws Exception {
        assertThat(run("renew", "laptop")).isEqualTo(1);
        assertThat(err).contains("no token of 'laptop' is in force").hasLineCount(1);
        client();
        assertThat(run("renew", "laptop")).isEqualTo(1);
        assertThat(err).contains("they are bound to no key").hasLineCount(1);
        client("--key", KEY);
        assertThat(run("renew", "laptop", "--kind", "agent")).isEqualTo(1);
        assertThat(err).contains("no agent token of 'laptop' is in force");
        assertThat(run("revoke", "laptop")).isZero();
        assertThat(run("renew", "laptop")).isEqualTo(1);
        assertThat(waiting()).isEmpty();
    }

    /** A list that is read by a program of the version before, and one that it wrote. */
    @Test
    void whatTokensSayIsForgottenWhenTheyAreOver() throws Exception {
        client("--key", KEY);
        Path issued = temp.resolve("s/issued.jsonl");
        assertThat(Files.readString(issued)).contains("\"claims\"");
        now = NOW.plus(Duration.ofDays(31));
        client();
        assertThat(Files.readString(issued)).doesNotContain("\"claims\"").hasLineCount(2);
    }
}
