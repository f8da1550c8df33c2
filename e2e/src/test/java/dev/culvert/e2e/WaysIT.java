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
    private static final String WEB = "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP;
    private static final int FORWARDED = 18_080;
    private static final int FORWARDED_UDP = 15_005;
    private static final int FORWARDED_CLOSED = 18_098;
    private static final String SMALL = "a short answer\n";

    private static LanServices services;
    private static Path token;
    private static Path unix;
    private static Program forward;
    private static String before;

    @BeforeAll
    static void start() throws Exception {
        services = LanServices.start(lab);
        lab.startGateway();
        lab.startOffice();
        token = lab.directory().resolve("nobody.token");
        Files.writeString(
                token, Files.readString(lab.clientToken("laptop", "office:192.168.77.0/24,office:[fd77::/64]")));
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
        forward.awaitOutput("agent 'office' is connected", Lab.START);
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
}
