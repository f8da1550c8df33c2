package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The ways in that need neither an interface nor root: all of them run as nobody. */
@Tag("netns")
final class WaysIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration MINUTE = Duration.ofSeconds(60);
    /** It starts slowly on a machine that others use too. */
    private static final Duration BROWSER = Duration.ofSeconds(240);

    private static final String WEB = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP;
    private static final String WIKI = "wiki.office.example";
    private static final int FORWARDED = 18_080;
    private static final int FORWARDED_UDP = 15_005;
    private static final int FORWARDED_CLOSED = 18_098;
    private static final int PROXY = 11_080;
    private static final String SMALL = "a short answer\n";

    private static LanServices services;
    private static Path token;
    private static Path unix;
    private static Program forward;
    private static Program proxy;
    private static String before;

    @BeforeAll
    static void start() throws Exception {
        services = LanServices.start(lab);
        lab.startGateway();
        // What the office knows by name, and nobody else.
        Files.writeString(
                Lab.etc(lab.office).resolve("hosts"), "127.0.0.1 localhost\n" + Lab.OFFICE_HOST + " " + WIKI + "\n");
        lab.startOffice();
        token = lab.directory().resolve("nobody.token");
        Files.writeString(
                token,
                Files.readString(
                        lab.clientToken("laptop", "office:192.168.77.0/24,office:[fd77::/64],office:" + WIKI)));
        Lab.must("chown", "nobody", token.toString());
        Lab.must("chmod", "600", token.toString());
        Path home = lab.directory().resolve("nobody");
        Files.createDirectories(home);
        Lab.must("chown", "nobody", home.toString());
        unix = home.resolve("web.sock");
        before = lab.network(lab.client);
        forward = lab.start(
                lab.client,
                "forward",
                client(
                        "forward",
                        FORWARDED + "=office:" + Lab.OFFICE_HOST + ":" + LanServices.HTTP,
                        "[::1]:" + FORWARDED + "=[" + Lab.OFFICE_HOST_6 + "]:" + LanServices.HTTP,
                        FORWARDED_CLOSED + "=" + Lab.OFFICE_HOST + ":" + LanServices.CLOSED,
                        "udp:" + FORWARDED_UDP + "=office:" + Lab.OFFICE_HOST + ":" + LanServices.UDP_ECHO,
                        "unix:" + unix + "=office:" + Lab.OFFICE_HOST + ":" + LanServices.HTTP));
        proxy = lab.start(lab.client, "proxy", client("proxy", Integer.toString(PROXY)));
        forward.awaitOutput("agent 'office' is connected", Lab.START);
        proxy.awaitOutput("agent 'office' is connected", Lab.START);
    }

    /** A command of the client's as nobody. */
    private static String[] client(String command, String... more) {
        List<String> line = new ArrayList<>(List.of(
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "env",
                "HOME=/nonexistent",
                "USER=nobody",
                lab.script("client"),
                command,
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("nobody").toString()));
        line.addAll(List.of(more));
        return line.toArray(String[]::new);
    }

    // ---- client connect ----

    @Test
    void sshAndScpGoThroughConnect() throws Exception {
        String way = "ProxyCommand=" + String.join(" ", client("connect", "office:%h:%p"));
        List<String> ssh = new ArrayList<>(Arrays.asList(services.sshCommand("echo", "there")));
        ssh.addAll(1, List.of("-o", way));
        assertThat(lab.must(lab.client, MINUTE, ssh.toArray(String[]::new))).isEqualTo("there\n");

        Path file = lab.directory().resolve("to-copy");
        Lab.must("bash", "-c", "head -c 8000000 " + services.bigFile() + " >" + file);
        List<String> scp = new ArrayList<>(Arrays.asList(services.sshCommand()));
        String host = scp.remove(scp.size() - 1);
        scp.set(0, "scp");
        scp.set(scp.indexOf("-p"), "-P");
        scp.addAll(List.of("-O", "-o", way, file.toString(), host + ":" + services.uploaded("copied")));
        lab.must(lab.client, MINUTE, scp.toArray(String[]::new));
        assertThat(services.uploaded("copied")).hasSameBinaryContentAs(file);
    }

    @Test
    void theEndOfItsInputIsTheFarSidesAndItReadsOn() throws Exception {
        String there = lab.shell(
                lab.client,
                MINUTE,
                "head -c 5000000 " + services.bigFile() + " | "
                        + String.join(" ", client("connect", Lab.OFFICE_HOST + ":" + LanServices.CHECKSUM)));
        assertThat(there)
                .isEqualTo(lab.shell(lab.client, MINUTE, "head -c 5000000 " + services.bigFile() + " | sha256sum"));
    }

    @Test
    void aRefusalIsOneLineAndAnExitCode() throws Exception {
        assertConnectEnds("office:" + Lab.OFFICE_HOST + ":" + LanServices.CLOSED, 11, "refused");
        assertConnectEnds("office:" + Lab.OFFICE_HOST + ":" + LanServices.FILTERED, 12, "");
        assertConnectEnds(Lab.PLANT_HOST + ":80", 13, "no agent serves");
        assertConnectEnds("office:" + Lab.PLANT_HOST + ":80", 14, "");
        assertConnectEnds("plant:" + Lab.PLANT_HOST + ":80", 2, "plant");
    }

    private static void assertConnectEnds(String target, int code, String words) throws Exception {
        Outcome o = lab.run(lab.client, MINUTE, client("connect", target));
        assertThat(o.exit()).as(o.output()).isEqualTo(code);
        assertThat(o.output()).startsWith("client: ").contains(words);
        assertThat(o.output().lines()).hasSize(code == 2 ? 2 : 1);
    }

    // ---- client forward ----

    @Test
    void aForwardedPortLeadsThereInBothFamilies() throws Exception {
        assertThat(forward.output())
                .contains("client: 127.0.0.1:" + FORWARDED + " -> office " + Lab.OFFICE_HOST + ":8080\n")
                .contains("client: unix:" + unix + " -> office ");
        for (String at : new String[] {"127.0.0.1", "[::1]"}) {
            assertThat(lab.must(lab.client, "curl", "-sS", "--fail", "http://" + at + ":" + FORWARDED + "/small"))
                    .isEqualTo(SMALL);
        }
        String sum =
                lab.shell(lab.client, MINUTE, "curl -sS --fail http://127.0.0.1:" + FORWARDED + "/big | sha256sum");
        assertThat(sum).isEqualTo(lab.shell(lab.officeHost, MINUTE, "sha256sum <" + services.bigFile()));
    }

    @Test
    void aForwardedPortOfUdpIsAnswered() throws Exception {
        for (String size : new String[] {"1", "1400", "20000"}) {
            assertThat(lab.probe(lab.client, "udp", "127.0.0.1", Integer.toString(FORWARDED_UDP), size))
                    .startsWith("SAME ");
        }
    }

    @Test
    void aUnixSocketIsItsOwnersAlone() throws Exception {
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(unix)))
                .isEqualTo("rw-------");
        assertThat(lab.must(lab.client, "curl", "-sS", "--fail", "--unix-socket", unix.toString(), "http://x/small"))
                .isEqualTo(SMALL);
        Outcome second =
                lab.run(lab.client, MINUTE, client("forward", "unix:" + unix + "=office:" + Lab.OFFICE_HOST + ":80"));
        assertThat(second.exit()).as(second.output()).isEqualTo(1);
        assertThat(second.output()).contains("another program has it");
    }

    @Test
    void whatIsRefusedIsReset() throws Exception {
        int mark = forward.mark();
        Outcome o = lab.run(lab.client, MINUTE, "curl", "-sS", "http://127.0.0.1:" + FORWARDED_CLOSED + "/");
        assertThat(o.output()).containsIgnoringCase("reset by peer");
        forward.awaitOutputAfter(mark, Lab.OFFICE_HOST + ":" + LanServices.CLOSED + ": ", MINUTE);
    }

    @Test
    void aPortThatIsTakenIsSaidToBe() throws Exception {
        Outcome o = lab.run(lab.client, MINUTE, client("forward", FORWARDED + "=office:" + Lab.OFFICE_HOST + ":80"));
        assertThat(o.exit()).as(o.output()).isEqualTo(1);
        assertThat(o.output()).contains("127.0.0.1:" + FORWARDED).contains("in use");
    }

    @Test
    void nothingOfTheMachineIsChangedAndASignalEndsIt() throws Exception {
        assertThat(lab.network(lab.client)).isEqualTo(before);
        Path socket = unix.resolveSibling("other.sock");
        Program other = lab.start(
                lab.client,
                "forward-other",
                client("forward", "unix:" + socket + "=office:" + Lab.OFFICE_HOST + ":" + LanServices.HTTP));
        other.awaitOutput("agent 'office' is connected", Lab.START);
        assertThat(Files.exists(socket)).isTrue();
        assertThat(other.terminate()).isEqualTo(143);
        assertThat(Files.exists(socket)).isFalse();
    }

    // ---- client proxy ----

    private static Outcome curl(String... arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of("curl", "-sS", "--max-time", "50"));
        line.addAll(List.of(arguments));
        return lab.run(lab.client, MINUTE, line.toArray(String[]::new));
    }

    @Test
    void curlGoesThroughTheProxyInAllWays() throws Exception {
        String at = "127.0.0.1:" + PROXY;
        String[][] ways = {
            {"--socks5", at},
            {"--socks5-hostname", at},
            {"--socks4", at},
            {"--socks4a", at},
            {"-x", "http://" + at},
            {"-p", "-x", "http://" + at}
        };
        for (String[] way : ways) {
            List<String> arguments = new ArrayList<>(List.of(way));
            // Two, so that a connection is used again where there may be one.
            arguments.addAll(List.of("--fail", WEB + "/small", WEB + "/small"));
            Outcome o = curl(arguments.toArray(String[]::new));
            assertThat(o.output()).as(String.join(" ", way)).isEqualTo(SMALL + SMALL);
        }
        assertThat(curl("--socks5", at, "http://[" + Lab.OFFICE_HOST_6 + "]:8080/small")
                        .output())
                .isEqualTo(SMALL);
        assertThat(curl("http://" + at + "/proxy.pac").output())
                .contains("FindProxyForURL", "192.168.77.0", "PROXY " + at);
    }

    @Test
    void muchGoesThroughTheProxyUnharmed() throws Exception {
        String sum = lab.shell(lab.officeHost, MINUTE, "sha256sum <" + services.bigFile());
        for (String way : new String[] {"--socks5", "-x"}) {
            assertThat(lab.shell(
                            lab.client,
                            MINUTE,
                            "curl -sS --fail " + way + " 127.0.0.1:" + PROXY + " " + WEB + "/big | sha256sum"))
                    .as(way)
                    .isEqualTo(sum);
        }
        Path up = lab.directory().resolve("to-upload");
        Lab.must("bash", "-c", "head -c 8000000 " + services.bigFile() + " >" + up);
        assertThat(curl("--fail", "-x", "127.0.0.1:" + PROXY, "-T", up.toString(), WEB + "/proxied")
                        .exit())
                .isZero();
        assertThat(services.uploaded("proxied")).hasSameBinaryContentAs(up);
    }

    @Test
    void whatTheAgentMeetsIsWhatTheProxySays() throws Exception {
        String at = "127.0.0.1:" + PROXY;
        String closed = "http://" + Lab.OFFICE_HOST + ":" + LanServices.CLOSED + "/";
        String filtered = "http://" + Lab.OFFICE_HOST + ":" + LanServices.FILTERED + "/";
        String elsewhere = "http://" + Lab.PLANT_HOST + "/";
        assertThat(curl("-o", "/dev/null", "-w", "%{http_code}", "-x", at, closed)
                        .output())
                .isEqualTo("502");
        assertThat(curl("-o", "/dev/null", "-w", "%{http_code}", "-x", at, filtered)
                        .output())
                .isEqualTo("504");
        assertThat(curl("-o", "/dev/null", "-w", "%{http_code}", "-x", at, elsewhere)
                        .output())
                .isEqualTo("502");
        assertThat(curl("-p", "-x", at, closed).output()).contains("502");
        assertThat(curl("--socks5", at, closed).output()).contains("(5)");
        assertThat(curl("--socks5", at, elsewhere).output()).contains("(3)");
    }

    /** Scripts, a style and a picture of the LAN's, by a name that only the agent can resolve. */
    @Test
    void aBrowserLoadsAPageOfManyPartsByTheProxyAndByItsConfiguration() throws Exception {
        Path www = Files.createDirectories(services.bigFile().resolveSibling("page"));
        StringBuilder page =
                new StringBuilder("<!doctype html><title>wiki</title><link rel=stylesheet href=style.css><body>"
                        + "<script>let parts = 0; function seen() { document.body.setAttribute('parts', ++parts); }</script>"
                        + "<img src=dot.svg onload=seen()>");
        for (int i = 0; i < 10; i++) {
            Files.writeString(www.resolve(i + ".js"), "seen();\n");
            page.append("<script src=").append(i).append(".js></script>");
        }
        page.append("<script>if (getComputedStyle(document.body).color === 'rgb(1, 2, 3)') seen();</script>");
        Files.writeString(www.resolve("index.html"), page);
        Files.writeString(www.resolve("style.css"), "body { color: rgb(1, 2, 3) }\n");
        Files.writeString(
                www.resolve("dot.svg"), "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>\n");
        String at = "127.0.0.1:" + PROXY;
        for (String way :
                new String[] {"--proxy-server=socks5://" + at, "--proxy-pac-url=http://" + at + "/proxy.pac"}) {
            String seen = lab.must(
                    lab.client,
                    BROWSER,
                    "chromium",
                    "--headless",
                    "--no-sandbox", // it is run by root
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--user-data-dir=" + lab.directory().resolve("browser"),
                    "--timeout=" + BROWSER.toMillis() / 2,
                    way,
                    "--dump-dom",
                    "http://" + WIKI + ":" + LanServices.HTTP + "/page/index.html");
            assertThat(seen).as(way).contains("<title>wiki</title>", "parts=\"12\"");
        }
    }

    /** ASSOCIATE by hand: no tool of every system speaks it. */
    @Test
    void datagramsGoThroughTheProxy() throws Exception {
        String script = """
                import socket, struct, sys
                t = socket.create_connection(("127.0.0.1", %d), 20)
                t.sendall(b"\\5\\1\\0")
                assert t.recv(2) == b"\\5\\0"
                t.sendall(b"\\5\\3\\0\\1" + bytes(6))
                reply = t.recv(64)
                assert reply[:4] == b"\\5\\0\\0\\1", reply
                at = (socket.inet_ntoa(reply[4:8]), struct.unpack("!H", reply[8:10])[0])
                u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                u.settimeout(20)
                head = b"\\0\\0\\0\\1" + socket.inet_aton("%s") + struct.pack("!H", %d)
                for n in (1, 1400, 20000):
                    u.sendto(head + b"x" * n, at)
                    assert u.recv(65535) == head + b"x" * n, n
                t.close()
                print("three came back")
                """.formatted(PROXY, Lab.OFFICE_HOST, LanServices.UDP_ECHO);
        assertThat(lab.must(lab.client, MINUTE, "python3", "-c", script)).isEqualTo("three came back\n");
    }
}
