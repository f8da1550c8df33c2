package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The shortest and the longest datagrams, and what a port scanner makes of empty ones. */
@Tag("netns")
final class DatagramsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    @BeforeAll
    static void start() throws Exception {
        LanServices.start(lab);
        lab.startGateway();
        lab.startOffice();
        lab.startLaptop();
    }

    /** nmap's probe of a port that it knows nothing of is an empty datagram. */
    @ParameterizedTest
    @ValueSource(strings = {Lab.OFFICE_HOST, Lab.OFFICE_HOST_6})
    void nmapTellsOpenAndClosedApart(String host) throws Exception {
        String out = lab.must(
                lab.client,
                "nmap",
                host.contains(":") ? "-6" : "-4",
                "-sU",
                "-Pn",
                "-n",
                "-oG",
                "-",
                "-p",
                LanServices.UDP_ECHO + "," + LanServices.CLOSED,
                host);
        assertThat(out).contains(LanServices.UDP_ECHO + "/open/udp").contains(LanServices.CLOSED + "/closed/udp");
    }

    /** Whole, there and back, up to what UDP has in each family (RFC 768, RFC 8200). */
    @ParameterizedTest
    @CsvSource({Lab.OFFICE_HOST + ", 65507", Lab.OFFICE_HOST_6 + ", 65527"})
    void everyLengthArrivesWhole(String host, int longest) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("lengths", host, "" + LanServices.UDP_ECHO));
        List<String> expected = new ArrayList<>();
        for (int length :
                new int[] {0, 1, 0, 1_452, 1_453, 8_192, 32_767, 65_506, 65_507, 65_508, 65_509, 65_526, 65_527}) {
            if (length <= longest) {
                arguments.add("" + length);
                expected.add("SAME");
            }
        }
        assertThat(lab.probe(lab.client, arguments.toArray(String[]::new))).isEqualTo(String.join(" ", expected));
    }
}
