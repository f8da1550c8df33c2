package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class LeakGuardTest {
    private static LeakGuard guard(boolean full, boolean allowed, String... routes) {
        return LeakGuard.of(Stream.of(routes).map(IpPrefix::parse).toList(), full, allowed);
    }

    private static final List<IpPrefix> IPV4 = List.of(IpPrefix.parse("0.0.0.0/0"));
    private static final List<IpPrefix> IPV6 = List.of(IpPrefix.parse("::/0"));

    @Test
    void theFamilyThatIsNotTakenIsBlocked() {
        LeakGuard guard = guard(true, false, "0.0.0.0/0");
        assertThat(guard.blocked()).containsExactlyElementsOf(IPV6);
        assertThat(guard.line())
                .contains("no agent takes IPv6")
                .contains("unreachable")
                .contains("--allow-leak");
        guard = guard(true, false, "::/0", "10.0.0.0/8");
        assertThat(guard.blocked()).containsExactlyElementsOf(IPV4);
        assertThat(guard.line()).contains("no agent takes IPv4");
    }

    @Test
    void leavingIsAllowedOnlyWithAWord() {
        LeakGuard guard = guard(true, true, "0.0.0.0/0");
        assertThat(guard.blocked()).isEmpty();
        assertThat(guard.line()).contains("IPv6").contains("leaves past the tunnel (--allow-leak)");
    }

    @Test
    void nothingIsBlockedWithoutFullOrWithBothOrWithNeither() {
        assertThat(guard(false, false, "0.0.0.0/0")).isEqualTo(guard(true, false, "0.0.0.0/0", "::/0"));
        assertThat(guard(true, false).blocked()).isEmpty();
        assertThat(guard(true, false, "10.0.0.0/8", "fd00::/8").blocked()).isEmpty();
        assertThat(guard(true, false, "0.0.0.0/0", "::/0").line()).isNull();
    }

    /** A grant leaves something out, as "all but the sensitive ranges" does. */
    @Test
    void aFamilyWithHolesIsTaken() {
        assertThat(guard(true, false, "0.0.0.0/1", "128.0.0.0/2", "::/1", "8000::/2")
                        .blocked())
                .isEmpty();
        assertThat(guard(true, false, "0.0.0.0/1", "2000::/4").blocked()).containsExactlyElementsOf(IPV6);
    }
}
