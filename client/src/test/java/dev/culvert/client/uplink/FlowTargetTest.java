package dev.culvert.client.uplink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.tunnel.frame.Destination;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@NullUnmarked
final class FlowTargetTest {
    @ParameterizedTest
    @CsvSource({
        "192.168.77.10:5432, , 192.168.77.10:5432",
        "office:192.168.77.10:5432, office, office 192.168.77.10:5432",
        "office:db.office.example:22, office, office db.office.example:22",
        "DB.Office.Example.:22, , db.office.example:22",
        "[fd77::2]:22, , [fd77::2]:22",
        "office:[fd77::2]:22, office, office [fd77::2]:22",
        // ssh's %h has no brackets
        "office:fd77::2:22, office, office [fd77::2]:22",
        "fd77::2:22, , [fd77::2]:22",
        // what could be an agent and a shorter address is the address; brackets say otherwise
        "cafe:fd77::2:22, , [cafe:fd77::2]:22",
        "cafe:[fd77::2]:22, cafe, cafe [fd77::2]:22",
        "office:[db.office.example]:22, office, office db.office.example:22",
        "::ffff:10.0.0.1:22, , 10.0.0.1:22",
        "x:65535, , x:65535"
    })
    void whatPeopleWriteIsRead(String text, String agent, String shown) {
        FlowTarget target = FlowTarget.parse(Destination.TCP, text);
        assertThat(target.agent()).isEqualTo(agent);
        assertThat(target).hasToString(shown);
        assertThat(target.destination().isStream()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "host",
                ":22",
                "host:",
                "host:0",
                "host:65536",
                "host:+22",
                "host:22x",
                "host:000022",
                "office::22",
                "Office:host:22",
                "a b:22",
                "host\n:22",
                "127.1:22",
                "0x7f.1:22",
                "2130706433:22",
                "[fd77::2:22",
                "a:b:c:22",
                "fe80::1%eth0:22",
                "010.0.0.1:22",
                "[]:22"
            })
    void whatIsNoneIsRefusedInOneLine(String text) {
        assertThatThrownBy(() -> FlowTarget.parse(Destination.TCP, text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .isNotBlank()
                .doesNotContain("\n");
    }

    @Test
    void aNameIsForTheAgentToResolve() {
        assertThat(FlowTarget.parse(Destination.UDP, "office:ns:53").destination())
                .isEqualTo(Destination.ofName(Destination.UDP, "ns", 53));
    }
}
