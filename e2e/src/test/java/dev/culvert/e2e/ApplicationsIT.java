package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The applications that people use work through the tunnel as they do on the LAN. */
@Tag("netns")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class ApplicationsIT {
    /** Mbit/s; a hundredth of what the path does on the smallest machine. */
    private static final double CRAWL = 50;

    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration MINUTE = Duration.ofSeconds(60);
    private static final String WEB = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP;

    private static LanServices services;
    private static Program ssh;
    private static long idleSince;

    @BeforeAll
    static void start() throws Exception {
        services = LanServices.start(lab);
        lab.startGateway();
        lab.startOffice();
        lab.startLaptop();
        ssh = lab.start(lab.client, "ssh", services.sshCommand("bash"));
        ssh.input("echo ready $((6 * 7))\n");
        ssh.awaitOutput("ready 42", MINUTE);
        idleSince = System.nanoTime();
    }

    @Test
    void curlBringsTwoHundredMegabytesDownUnharmed() throws Exception {
        String sum = lab.shell(lab.client, MINUTE, "curl -sS --fail " + WEB + "/big | sha256sum");
        assertThat(sum).isEqualTo(lab.shell(lab.officeHost, MINUTE, "sha256sum <" + services.bigFile()));
    }

    @Test
    void curlTakesTwoHundredMegabytesUpUnharmed() throws Exception {
        lab.must(
                lab.client,
                MINUTE,
                "curl",
                "-sS",
                "--fail",
                "-T",
                services.bigFile().toString(),
                WEB + "/up");
        assertThat(services.uploaded("up")).hasSameBinaryContentAs(services.bigFile());
    }

    @Test
    void curlOverIpv6() throws Exception {
        assertThat(lab.must(lab.client, "curl", "-sS", "--fail", "http://[" + Lab.OFFICE_HOST_6 + "]:8080/small"))
                .isEqualTo("a short answer\n");
    }

    @Test
    void twoHundredCurlsAtOnce() throws Exception {
        String codes = lab.must(
                lab.client,
                MINUTE,
                "curl",
                "-sS",
                "--no-progress-meter",
                "--parallel",
                "--parallel-immediate",
                "--parallel-max",
                "200",
                "--no-keepalive",
                "-H",
                "Connection: close",
                "-o",
                "/dev/null",
                "-w",
                "%{http_code}:%{size_download}\n",
                WEB + "/small?[1-200]");
        assertThat(codes.lines()).hasSize(200).containsOnly("200:15");
    }

    /** Begun before the other tests, so that they run during its silence. */
    @Test
    @Order(Integer.MAX_VALUE)
    void sshSurvivesAnIdleMinute() throws Exception {
        await("a minute of silence")
                .atMost(MINUTE.plusSeconds(2))
                .until(() -> System.nanoTime() - idleSince >= MINUTE.toNanos());
        ssh.input("echo still $((40 + 4)); exit 7\n");
        ssh.awaitOutput("still 44", MINUTE);
        assertThat(ssh.exitWithin(MINUTE)).isEqualTo(7);
    }

    @Test
    void digOverUdp() throws Exception {
        assertThat(dig("+notcp")).isEqualTo("192.168.77.99");
    }

    @Test
    void digOverTcp() throws Exception {
        assertThat(dig("+tcp")).isEqualTo("192.168.77.99");
    }

    private static String dig(String how) throws Exception {
        return lab.must(
                        lab.client,
                        "dig",
                        "+short",
                        "+tries=1",
                        "+time=5",
                        how,
                        "@" + Lab.OFFICE_HOST,
                        "printer.office.example",
                        "A")
                .strip();
    }

    @Test
    void ping() throws Exception {
        assertPings(Lab.OFFICE_HOST, 56);
    }

    @Test
    void pingOverIpv6() throws Exception {
        assertPings(Lab.OFFICE_HOST_6, 56);
    }

    @Test
    void pingInFragments() throws Exception {
        assertPings(Lab.OFFICE_HOST, 4000);
    }

    @Test
    void pingInFragmentsOverIpv6() throws Exception {
        assertPings(Lab.OFFICE_HOST_6, 4000);
    }

    private static void assertPings(String host, int size) throws Exception {
        String out =
                lab.must(lab.client, "ping", "-c", "5", "-i", "0.2", "-W", "5", "-s", Integer.toString(size), host);
        assertThat(out).contains("5 packets transmitted, 5 received, 0% packet loss");
        assertThat(out).contains(size + 8 + " bytes from " + host);
    }

    @Test
    void pingOfAnAddressThatNobodyHasIsNotAnswered() throws Exception {
        Outcome o = lab.run(lab.client, MINUTE, "ping", "-c", "2", "-i", "0.2", "-W", "2", "192.168.77.200");
        assertThat(o.exit()).as(o.output()).isEqualTo(1);
        assertThat(o.output()).contains(" 0 received");
    }

    @Test
    void iperfUp() throws Exception {
        assertNoCrawl();
    }

    @Test
    void iperfDown() throws Exception {
        assertNoCrawl("-R");
    }

    @Test
    void iperfWithEightStreams() throws Exception {
        assertNoCrawl("-P", "8");
    }

    @Test
    void iperfOfFiftyMegabitsOfUdpLosesLessThanOnePercent() throws Exception {
        String out = "";
        double lost = 100;
        // What is lost while another program holds both cores is not our loss: once in three it must do.
        for (int attempt = 0; attempt < 3 && lost >= 1; attempt++) {
            // A large buffer at the LAN host: what its own kernel drops while iperf3 waits for a core is not our loss.
            out = iperfOutput("-u", "-b", "50M", "-l", "1400", "-w", "1M");
            Matcher m = Pattern.compile("(\\d+)/(\\d+) \\(([0-9.e+-]+)%\\)\\s+receiver")
                    .matcher(out);
            assertThat(m.find()).as(out).isTrue();
            // 50 Mbit/s of 1400 bytes are 4464 a second.
            boolean full = Integer.parseInt(m.group(2)) > 4 * 4464;
            lost = full ? Double.parseDouble(m.group(3)) : 100;
        }
        assertThat(lost).as(out).isLessThan(1);
    }

    /**
     * Not a benchmark, but a path that crawls is broken. One that crawls while another program holds both cores is not: once in
     * three it must do.
     */
    private static void assertNoCrawl(String... options) throws Exception {
        double rate = 0;
        for (int attempt = 0; attempt < 3 && rate <= CRAWL; attempt++) {
            rate = iperf(options);
        }
        assertThat(rate).isGreaterThan(CRAWL);
    }

    /** Mbit/s that the receiver has counted. */
    private static double iperf(String... options) throws Exception {
        String out = iperfOutput(options);
        Matcher m = Pattern.compile("([0-9.]+) Mbits/sec\\s+receiver").matcher(out);
        double last = -1;
        while (m.find()) {
            last = Double.parseDouble(m.group(1)); // with -P the sum comes last
        }
        assertThat(last).as(out).isPositive();
        return last;
    }

    private static String iperfOutput(String... options) throws Exception {
        StringBuilder line = new StringBuilder("iperf3 -f m -t 5 -c " + Lab.OFFICE_HOST);
        for (String option : options) {
            line.append(' ').append(option);
        }
        return lab.shell(lab.client, MINUTE, line.toString());
    }

    @Test
    void whatComesAfterTheClientsFinArrives() throws Exception {
        Path data = services.bigFile();
        String there = lab.shell(
                lab.client,
                MINUTE,
                "head -c 5000000 " + data + " | socat -t 20 - TCP:" + Lab.OFFICE_HOST + ":" + LanServices.CHECKSUM);
        assertThat(there).isEqualTo(lab.shell(lab.client, MINUTE, "head -c 5000000 " + data + " | sha256sum"));
    }

    @Test
    void whatComesAfterTheServersFinArrives() throws Exception {
        String said =
                lab.probe(lab.client, "late", Lab.OFFICE_HOST, Integer.toString(LanServices.EARLY_FIN), "5000000");
        Path heard = lab.directory().resolve("late");
        await().atMost(MINUTE).until(() -> Files.exists(heard));
        assertThat(said.lines()).containsExactly("over to you", Files.readString(heard));
        assertThat(said).contains("5000000 ");
    }

    @Test
    void aServerThatSpeaksFirstIsHeard() throws Exception {
        assertThat(lab.probe(lab.client, "banner", Lab.OFFICE_HOST, Integer.toString(LanServices.BANNER)))
                .isEqualTo("220 the server speaks first");
    }

    @Test
    void udpEchoOverBothFamilies() throws Exception {
        for (String host : new String[] {Lab.OFFICE_HOST, Lab.OFFICE_HOST_6}) {
            assertThat(lab.probe(lab.client, "udp", host, Integer.toString(LanServices.UDP_ECHO)))
                    .startsWith("one datagram ");
        }
    }

    @Test
    void datagramsOfEverySizeComeBackWhole() throws Exception {
        for (String host : new String[] {Lab.OFFICE_HOST, Lab.OFFICE_HOST_6}) {
            // Around the MTU, several fragments, and the largest that IPv4 can carry.
            for (int size : new int[] {1, 1452, 1453, 1472, 1473, 20_000, 65_507}) {
                assertThat(lab.probe(
                                lab.client,
                                "udp",
                                host,
                                Integer.toString(LanServices.UDP_ECHO),
                                Integer.toString(size)))
                        .as(host + " " + size)
                        .startsWith("SAME ");
            }
        }
    }
}
