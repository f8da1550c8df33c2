package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.IpPrefix;
import dev.culvert.address.SensitiveAddresses;
import dev.culvert.gateway.access.PolicyInForce;
import dev.culvert.gateway.audit.AuditLog;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.limit.Services;
import dev.culvert.gateway.presence.PublishingAgent;
import dev.culvert.gateway.publish.PublicationAnswers.Explained;
import dev.culvert.gateway.publish.PublicationAnswers.One;
import dev.culvert.token.AgentToken;
import dev.culvert.token.PublishRight;
import dev.culvert.token.TokenTerms;
import dev.culvert.tunnel.frame.Announcement;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What gateway publish list and explain are told. */
final class PublicationAnswersTest {
    private final Publications publications = new Publications(
            new PolicyInForce(SensitiveAddresses.standard()),
            token -> false,
            Services.of(AuditLog.none(), Clock.systemUTC(), System::nanoTime, 1_000)
                    .lines(),
            Clock.systemUTC(),
            Runnable::run);
    private final PublicationAnswers answers = new PublicationAnswers(
            publications, PublicationAnswersTest::certificate, PublicationAnswersTest::instances);

    private static List<PublishedInstance> instances(Published published) {
        return of(published.agent());
    }

    private static List<PublishedInstance> of(String agent) {
        return List.of(new PublishedInstance(
                agent + "-1", "unwell", Instant.parse("2026-01-02T03:04:05Z"), "it answers 500", null));
    }

    private static CertificateState certificate(String name) {
        return CertificateState.without(name, null, CertificateState.Standing.OBTAINING, null, null);
    }

    private record Agent(AgentToken token, long number) implements PublishingAgent {
        static Agent of(String name, long number) {
            Instant now = Instant.now();
            return new Agent(
                    new AgentToken(
                            TokenTerms.of(
                                    name,
                                    List.of(URI.create("wss://gateway.example")),
                                    null,
                                    now,
                                    now.plusSeconds(600)),
                            List.of(IpPrefix.parse("10.0.0.0/8")),
                            List.of(PublishRight.parse("*.example"), PublishRight.parse(":22/tcp"))),
                    number);
        }

        @Override
        public String name() {
            return token.name();
        }

        @Override
        public String holderKey() {
            return name();
        }

        @Override
        public void refused(List<Announcement.Refused> publications) {
            // The test asks otherwise.
        }
    }

    @BeforeEach
    void publish() {
        Agent office = Agent.of("office", 1);
        publications.announced(
                office, List.of("app.example/api=http://10.0.0.1:80,strip-prefix", "m.example=tls://10.0.0.1:993"));
        publications.gone(office);
        publications.announced(Agent.of("branch", 2), List.of("tcp:22=10.0.0.2:22", "*.example=http://10.0.0.2:80"));
        publications.announced(Agent.of("third", 3), List.of("tcp:22=10.0.0.3:22"));
    }

    @Test
    void listHasWhatIsInForceAndWhatIsNot() {
        assertThat(answers.list().publications())
                .containsExactlyInAnyOrder(
                        new One(
                                "app.example/api",
                                "http://10.0.0.1:80,strip-prefix",
                                "office",
                                "agent",
                                "agent away",
                                null,
                                certificate("app.example"),
                                of("office")),
                        new One(
                                "m.example",
                                "tls://10.0.0.1:993",
                                "office",
                                "agent",
                                "agent away",
                                null,
                                null,
                                of("office")),
                        new One("tcp:22", "10.0.0.2:22", "branch", "agent", "served", null, null, of("branch")),
                        new One(
                                "*.example",
                                "http://10.0.0.2:80",
                                "branch",
                                "agent",
                                "served",
                                null,
                                certificate("*.example"),
                                of("branch")),
                        new One(
                                "tcp:22",
                                "10.0.0.3:22",
                                "third",
                                "agent",
                                "refused",
                                "agent 'branch' publishes it already; publish it under another name or port, or take that"
                                        + " one back",
                                null,
                                null));
    }

    @Test
    void explainSaysWhatAnswersAndWhoElseWantsIt() throws IOException {
        Explained port = answers.explain("tcp:22");
        assertThat(port.reasons())
                .containsExactly(
                        "tcp:22 leads through agent 'branch' to 10.0.0.2:22",
                        "because the agent says so, its token holds the right, and the policy lets it",
                        "instance branch-1: the target is unwell since 2026-01-02T03:04:05Z; the last look failed: it"
                                + " answers 500",
                        "agent 'third' does not publish tcp:22: agent 'branch' publishes it already; publish it under"
                                + " another name or port, or take that one back");
        assertThat(answers.explain("APP.example/api/x").reasons())
                .hasSize(4)
                .contains("the agent is not connected: visitors hear so");
        assertThat(answers.explain("m.example").served()).isNotNull();
        assertThat(answers.explain("x.example").served())
                .extracting(One::certificate)
                .isEqualTo(certificate("x.example"));
        assertThat(port.served()).isNotNull().extracting(One::certificate).isNull();
        assertThat(answers.explain("x.example").reasons())
                .first()
                .isEqualTo("*.example leads through agent 'branch' to http://10.0.0.2:80");
        Explained root = answers.explain("app.example");
        assertThat(root.served()).isNull();
        assertThat(root.reasons())
                .containsExactly(
                        "nothing is published at app.example", "the name is published, but no path that holds /");
        assertThat(answers.explain("a.b.example").reasons()).containsExactly("nothing is published at a.b.example");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "10.0.0.1", "tcp:", "tcp:0", "udp:x", "a b", "http://app.example"})
    void whatIsNoNameIsSaidSo(String asked) {
        assertThatThrownBy(() -> answers.explain(asked))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is neither a name nor a port; write");
    }

    @Test
    void explainSaysTheLimitsAndWhatTheyHaveTurnedAway() throws Exception {
        String hash = "$2b$04$" + "a".repeat(53);
        publications.announced(
                Agent.of("fourth", 4),
                List.of("l.example=http://10.0.0.4:80,allow=10.0.0.0/8,connections=9,rate=6/m,max-body=2k,"
                        + "answer-timeout=7,basic-auth=ann:" + hash + "+bob:" + hash));
        PublicationTable table = publications.table();
        PublicationUsage usage =
                Objects.requireNonNull(table.usage(Objects.requireNonNull(table.web("l.example", "/"))));
        assertThat(usage.allows(InetAddress.getByName("192.0.2.1"))).isFalse();
        assertThat(usage.enter(null, () -> {})).isNotNull();
        Explained answer = answers.explain("l.example");
        assertThat(answer.reasons())
                .containsSubsequence(
                        "open only to 10.0.0.0/8",
                        "at most 9 connections at once; there are 1",
                        "of each address at most 6 requests a minute",
                        "bodies of at most 2000 bytes",
                        "answers must begin within 7 s",
                        "asks for a name and a password; known are ann, bob",
                        "turned away so far: 1 by allow");
        assertThat(answer.usage())
                .isEqualTo(new UsageAnswer(1, Map.of("allow", 1L, "rate", 0L, "connections", 0L, "basic-auth", 0L)));
        assertThat(answer.toString() + answers.list())
                .contains("basic-auth=ann+bob")
                .doesNotContain(hash);
    }
}
