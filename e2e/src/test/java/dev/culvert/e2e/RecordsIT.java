package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is asked of the office's name server (BIND), dig gets through the tunnel what it gets in the LAN, byte for byte. */
@Tag("netns")
final class RecordsIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final String SERVICE = "100.127.255.53";
    private static final String THERE = "192.168.77.2";

    /** One record of each type: its name is what it is. */
    private static final String ZONE = """
        $TTL 300
        $ORIGIN corp.example.
        @ SOA ns hostmaster 1 3600 600 86400 300
        @ NS ns
        @ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==
        ns A 192.168.77.2
        a A 192.168.77.5
        aaaa AAAA fd77::5
        cname CNAME a
        sub NS ns.sub
        sub DS 60485 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
        ns.sub A 192.168.77.6
        mx MX 10 a
        txt TXT "one" "two; \\"three\\"" "\\000\\255"
        srv SRV 0 5 5060 a
        naptr NAPTR 100 10 "S" "SIP+D2U" "!^.*$!sip:info@corp.example!" _sip._udp
        caa CAA 0 issue "ca.example; policy=ev"
        tlsa TLSA 3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6
        sshfp SSHFP 4 2 123456789ABCDEF67890123456789ABCDEF67890123456789ABCDEF123456789
        https HTTPS 1 . alpn="h2,h3" ipv4hint=192.168.77.5 ipv6hint=fd77::5
        svcb SVCB 1 a port=8443
        loc LOC 51 30 12.748 N 0 7 39.611 W 10m 1m 10m 2m
        hinfo HINFO "PDP-11" "UNIX"
        uri URI 10 1 "ftp://a.corp.example/public"
        type65280 TYPE65280 \\# 6 C00C00FF0A01
        """;

    private static final List<String> TYPES = List.of(
            "a A",
            "aaaa AAAA",
            "@ NS",
            "cname CNAME",
            "cname A",
            "@ SOA",
            "mx MX",
            "txt TXT",
            "srv SRV",
            "naptr NAPTR",
            "caa CAA",
            "tlsa TLSA",
            "sshfp SSHFP",
            "sub DS",
            "@ DNSKEY",
            "https HTTPS",
            "svcb SVCB",
            "loc LOC",
            "hinfo HINFO",
            "uri URI",
            "type65280 TYPE65280",
            "x.sub A",
            "a MX",
            "none A");

    /** Bytes of text in an answer: about where datagrams end, by the question and by the wire. */
    private static final int[] SIZES = {
        100, 400, 470, 480, 1_100, 1_180, 1_200, 1_400, 3_900, 4_000, 4_100, 20_000, 60_000
    };

    @BeforeAll
    static void start() throws Exception {
        Path directory = Files.createDirectories(lab.directory().resolve("bind"));
        StringBuilder zone = new StringBuilder(ZONE);
        for (int size : SIZES) {
            zone.append("size").append(size).append(" TXT");
            for (int left = size; left > 0; left -= 250) {
                zone.append(" \"").append("x".repeat(Math.min(left, 250))).append('"');
            }
            zone.append('\n');
        }
        Files.writeString(directory.resolve("corp.zone"), zone);
        Files.writeString(directory.resolve("reverse.zone"), """
            $TTL 300
            @ SOA ns.corp.example. hostmaster.corp.example. 1 3600 600 86400 300
            @ NS ns.corp.example.
            2 PTR ns.corp.example.
            """);
        Path conf = Files.writeString(directory.resolve("named.conf"), """
            options { directory "%1$s"; pid-file none; lock-file none; session-keyfile "%1$s/session.key";
              listen-on { %2$s; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; notify no;
              edns-udp-size 4096; max-udp-size 4096; answer-cookie no; rrset-order { order none; }; };
            controls { };
            zone "corp.example" { type primary; file "corp.zone"; check-names ignore; };
            zone "77.168.192.in-addr.arpa" { type primary; file "reverse.zone"; };
            """.formatted(directory, THERE));
        lab.start(lab.officeHost, "named", "named", "-g", "-c", conf.toString()).awaitOutput("running", Lab.START);
        Lab.resolvConf(lab.office, "nameserver " + THERE + "\n");
        lab.startGateway();
        lab.startOffice();
        Path token = lab.clientToken("laptop", "office:192.168.77.0/24", "--domains", "corp.example");
        lab.startClient(token, "--keep-resolver").awaitOutput("names: corp.example by office", Lab.START);
    }

    /** All that dig says of the answers, data in hexadecimal, without what is new each time. */
    private static String dig(Host host, String server, String how, List<String> questions) throws Exception {
        List<String> line =
                new ArrayList<>(List.of("dig", "@" + server, "+tries=1", "+time=20", "+nocookie", "+nostats"));
        line.addAll(List.of(how.split(" ")));
        for (String question : questions) {
            line.addAll(List.of(question.replace("@ ", "corp.example ").split(" ")));
        }
        return lab.must(host, line.toArray(String[]::new))
                .replaceAll(", id: \\d+", "")
                .replaceAll("(?m)^; <<>> .*", "");
    }

    private static void assertSame(String how, List<String> questions) throws Exception {
        String inLan = dig(lab.office, THERE, how, questions);
        assertThat(dig(lab.client, SERVICE, how, questions)).as(how).isEqualTo(inLan);
        assertThat(inLan.split("opcode: ", -1)).as("answers to all").hasSizeGreaterThan(questions.size());
    }

    private static List<String> typesInZone() {
        return TYPES.stream()
                .map(q -> q.startsWith("@ ") ? q : q.replaceFirst(" ", ".corp.example "))
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"+noedns", "+bufsize=1232", "+bufsize=1232 +dnssec", "+tcp", "+tcp +keepopen"})
    void eachTypeOfRecord(String how) throws Exception {
        assertSame("+unknownformat " + how, typesInZone());
    }

    @Test
    void theTypesAreThoseThatAreMeant() throws Exception {
        String answers = dig(lab.client, SERVICE, "+noall +answer", typesInZone());
        for (String type : TYPES) {
            String[] words = type.split(" ");
            if (!List.of("x.sub A", "a MX", "none A").contains(type)) {
                assertThat(answers).containsPattern("\tIN\t" + words[1] + "[\t ]");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "+noedns",
                "+noedns +ignore",
                "+bufsize=512 +ignore",
                "+bufsize=1232",
                "+bufsize=1232 +ignore",
                "+bufsize=4096",
                "+bufsize=4096 +ignore",
                "+tcp"
            })
    void answersOfAllSizes(String how) throws Exception {
        assertSame(
                "+unknownformat " + how,
                IntStream.of(SIZES)
                        .mapToObj(size -> "size" + size + ".corp.example TXT")
                        .toList());
    }

    @Test
    void namesOfAddresses() throws Exception {
        assertSame("+unknownformat", List.of("2.77.168.192.in-addr.arpa PTR", "3.77.168.192.in-addr.arpa PTR"));
        assertThat(dig(lab.client, SERVICE, "+short", List.of("2.77.168.192.in-addr.arpa PTR")))
                .isEqualTo("ns.corp.example.\n");
    }

    /** As dig +trace and monitoring programs ask. */
    @Test
    void oddQuestionsHaveTheAnswersThatTheyHaveEverywhere() throws Exception {
        assertSame("+unknownformat +norecurse", List.of("@ SOA", "a.corp.example A"));
        assertSame("+unknownformat +tcp", List.of("@ ANY"));
        assertSame("+unknownformat +subnet=192.0.2.0/24 +nsid", List.of("a.corp.example A"));
        assertSame("+unknownformat +ednsopt=65001:010203 +cdflag +adflag", List.of("a.corp.example A"));
        assertThat(dig(lab.client, SERVICE, "+edns=1 +noednsnegotiation", List.of("a.corp.example A")))
                .contains("status: BADVERS");
        assertThat(dig(lab.client, SERVICE, "-c CH", List.of("version.bind TXT")))
                .contains("status: REFUSED");
        assertThat(dig(lab.client, SERVICE, "-c CH", List.of("a.corp.example TXT")))
                .contains("status: REFUSED");
        for (String opcode : List.of("NOTIFY", "UPDATE", "STATUS", "IQUERY", "15")) {
            assertThat(dig(lab.client, SERVICE, "+opcode=" + opcode, List.of("@ SOA")))
                    .as(opcode)
                    .contains("status: NOTIMP");
        }
        assertThat(dig(lab.client, SERVICE, "+header-only", List.of("@ SOA"))).contains("status: FORMERR");
    }

    /** RFC 9619: such a message is malformed, whoever it is sent to. */
    @Test
    void twoQuestionsAreNone() throws Exception {
        String program = "import socket,sys;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(20);"
                + "q=b'\\1a\\4corp\\7example\\0\\0\\1\\0\\1';"
                + "s.sendto(b'\\7\\7\\1\\0\\0\\2\\0\\0\\0\\0\\0\\0'+q+q,(sys.argv[1],53));print(s.recv(512)[:4].hex())";
        assertThat(lab.must(lab.client, "python3", "-c", program, SERVICE)).isEqualTo("07078101\n");
        assertThat(lab.must(lab.office, "python3", "-c", program, THERE))
                .as("as of BIND")
                .endsWith("1\n");
    }
}
