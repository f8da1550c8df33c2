package dev.culvert.gateway.publish;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpLiteral;
import dev.culvert.gateway.publish.PublicationUsage.Limit;
import dev.culvert.policy.publication.Publication;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Who is let in by the options of a publication, and what stays when they change. */
final class PublicationUsageTest {
    private static final String AT = "tcp:2222=10.0.0.9:22";
    private static final InetAddress HERE = at("192.0.2.1");
    private static final InetAddress ELSEWHERE = at("198.51.100.1");

    private long now = 1;
    private PublicationTable table = PublicationTable.EMPTY;
    private final List<String> ended = new ArrayList<>();

    private static InetAddress at(String text) {
        return Objects.requireNonNull(IpLiteral.parse(text));
    }

    private PublicationUsage publish(String... texts) {
        List<Published> all = Arrays.stream(texts)
                .map(text -> new Published("office", Publication.parse(text), false))
                .toList();
        PublicationTable before = table;
        table = new PublicationTable(all, Set.of(), Set.of(), before, () -> now);
        before.places().forEach((at, usage) -> usage.giveWay(table.places().get(at)));
        return Objects.requireNonNull(table.usage(all.get(0)));
    }

    private Visit enter(PublicationUsage usage, InetAddress from) {
        return Objects.requireNonNull(usage.admit(from, () -> ended.add(from.getHostAddress())));
    }

    @Test
    void withoutOptionsEverybodyComesIn() {
        PublicationUsage usage = publish(AT);
        for (int i = 0; i < 10_000; i++) {
            assertThat(usage.admit(HERE, () -> {})).isNotNull();
        }
        assertThat(usage.visits()).isEqualTo(10_000);
        assertThat(usage.login()).isNull();
    }

    /** Also when something else leads to the same target, so that the right to it is there still. */
    @Test
    void whatIsWithdrawnOrLeadsElsewhereEnds() {
        enter(publish("a.example.com=http://app", "b.example.com=http://app"), HERE);
        publish("a.example.com=http://app,hsts", "b.example.com=http://app");
        assertThat(ended).isEmpty();
        publish("b.example.com=http://app");
        assertThat(ended).containsExactly("192.0.2.1");
        enter(publish("b.example.com=http://app"), ELSEWHERE);
        publish("b.example.com=http://other");
        assertThat(ended).containsExactly("192.0.2.1", "198.51.100.1");
    }

    @Test
    void onlyFromWhereItIsOpenTo() {
        PublicationUsage usage = publish(AT + ",allow=192.0.2.0/24+2001:db8::/32");
        assertThat(usage.allows(HERE)).isTrue();
        assertThat(usage.allows(at("2001:db8::1"))).isTrue();
        assertThat(usage.allows(ELSEWHERE)).isFalse();
        assertThat(usage.admit(ELSEWHERE, () -> {})).isNull();
        assertThat(usage.refused(Limit.ALLOW)).isEqualTo(2);
        assertThat(usage.visits()).isZero();
    }

    @Test
    void soManyAtOnce() {
        PublicationUsage usage = publish(AT + ",connections=2");
        Visit first = enter(usage, HERE);
        enter(usage, ELSEWHERE);
        assertThat(usage.admit(HERE, () -> {})).isNull();
        assertThat(usage.refused(Limit.CONNECTIONS)).isEqualTo(1);
        first.leave();
        first.leave();
        assertThat(usage.visits()).isEqualTo(1);
        enter(usage, HERE);
        assertThat(usage.admit(HERE, () -> {})).isNull();
    }

    @Test
    void soManyInATimeOfEachAddress() {
        PublicationUsage usage = publish(AT + ",rate=6/m");
        assertThat(usage.retrySeconds()).isEqualTo(10);
        for (int i = 0; i < 6; i++) {
            assertThat(usage.takes(HERE)).isTrue();
        }
        assertThat(usage.takes(HERE)).isFalse();
        assertThat(usage.takes(ELSEWHERE)).isTrue();
        now += TimeUnit.SECONDS.toNanos(usage.retrySeconds());
        assertThat(usage.takes(HERE)).isTrue();
        assertThat(usage.takes(HERE)).isFalse();
        assertThat(usage.refused(Limit.RATE)).isEqualTo(2);
        assertThat(publish("tcp:23=10.0.0.9:23,rate=500/s").retrySeconds()).isEqualTo(1);
    }

    @Test
    void aTableThatIsMadeAnewKeepsWhatIsThere() {
        PublicationUsage usage = publish(AT + ",connections=1,rate=1/m");
        enter(usage, HERE);
        PublicationUsage same = publish(AT + ",connections=1,rate=1/m", "tcp:23=10.0.0.9:23");
        assertThat(same).isSameAs(usage);
    }

    @Test
    void connectionsAndRatesCountOnWhenOptionsChange() {
        PublicationUsage wide = publish(AT + ",connections=3,rate=2/m");
        Visit first = enter(wide, HERE);
        Visit second = enter(wide, HERE);
        PublicationUsage narrow = publish(AT + ",connections=1,rate=2/m");
        assertThat(narrow.visits()).isEqualTo(2);
        assertThat(narrow.holds(first)).as("a connection counts once").isTrue();
        assertThat(narrow.admit(ELSEWHERE, () -> {})).isNull();
        assertThat(narrow.takes(HERE)).as("the rate is the same").isFalse();
        first.leave();
        assertThat(narrow.admit(ELSEWHERE, () -> {})).isNull();
        second.leave();
        assertThat(narrow.admit(ELSEWHERE, () -> {})).as("too often by now").isNull();
        assertThat(narrow.admit(at("203.0.113.1"), () -> {})).isNotNull();
        assertThat(narrow.refused(Limit.CONNECTIONS)).isEqualTo(2);
        assertThat(publish(AT + ",rate=3/m").takes(HERE))
                .as("another rate begins anew")
                .isTrue();
        assertThat(ended).isEmpty();
    }

    @Test
    void whoIsNotAllowedAnyMoreIsShown() {
        PublicationUsage open = publish(AT);
        enter(open, HERE);
        enter(open, ELSEWHERE);
        Visit ofMany = open.enter(null, () -> ended.add("of many"));
        PublicationUsage closed = publish(AT + ",allow=192.0.2.0/24");
        assertThat(ended).containsExactly("198.51.100.1");
        assertThat(closed.refused(Limit.ALLOW)).isEqualTo(1);
        assertThat(closed.holds(Objects.requireNonNull(ofMany))).isTrue();
    }

    /** As who logs in while the publication is changed. */
    @Test
    void whoComesInByWhatWasReplacedIsJudgedByWhatIsInForce() {
        PublicationUsage first = publish(AT);
        publish(AT + ",allow=192.0.2.0/24");
        enter(first, HERE);
        assertThat(ended).isEmpty();
        enter(first, ELSEWHERE);
        assertThat(ended).containsExactly("198.51.100.1");
        PublicationUsage last = publish(AT + ",rate=9/s");
        enter(first, ELSEWHERE);
        assertThat(ended).as("let in by the second no more, and by the last").hasSize(2);
        assertThat(last.refused(Limit.ALLOW)).isEqualTo(2);
        publish("tcp:2222=10.0.0.8:22");
        ended.clear();
        enter(last, HERE);
        assertThat(ended).as("it leads elsewhere").containsExactly("192.0.2.1");
    }

    @Test
    void anotherPlaceIsAnother() {
        PublicationUsage usage = publish(AT + ",connections=1", "tcp:23=10.0.0.9:23,connections=1");
        Visit visit = enter(usage, HERE);
        PublicationUsage other = Objects.requireNonNull(table.usage(table.all().get(1)));
        assertThat(other.holds(visit)).isFalse();
        enter(other, HERE);
        publish("tcp:23=10.0.0.9:23");
        assertThat(publish(AT + ",connections=1").visits()).as("it was gone").isZero();
        visit.leave();
    }
}
