package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The gateway's own name has a certificate of a public authority, which is Debian's pebble on the client's machine: ends with a pin
 * and ends without one connect under the same port, through a restart and a renewal. Takes as long as half the life of the shortest
 * certificate that leaves time for a machine that freezes.
 */
@Tag("netns")
final class PublicNameIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final Duration PATIENCE = Duration.ofSeconds(120);

    /** The second certificate is there when half of the first's life is over. */
    private static final int LIFE_SECONDS = 40;

    /** What pebble says before it asks port 80. */
    private static final String BY_PAGE = "Attempting to validate w/ HTTP";

    private static final String AUTHORITY = "10.71.1.2";
    private static final String URL = "wss://vpn.test:" + Lab.PORT;

    private static Program pebble;
    private static String options;

    @BeforeAll
    static void prepare() throws Exception {
        Path directory = lab.directory();
        Path hosts = Files.writeString(directory.resolve("hosts"), Lab.GATEWAY + " vpn.test\n");
        Lab.must(
                "bash",
                "-c",
                "cd " + directory
                        + " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout tls.key"
                        + " -out tls.pem -addext subjectAltName=IP:" + AUTHORITY);
        Files.writeString(directory.resolve("pebble.json"), """
                {"pebble": {"listenAddress": "%1$s:14000", "managementListenAddress": "%1$s:15000", "certificate": "tls.pem",
                  "privateKey": "tls.key", "httpPort": 80, "tlsPort": %2$d, "certificateValidityPeriod": %3$d}}
                """.formatted(AUTHORITY, Lab.PORT, LIFE_SECONDS));
        lab.start(
                lab.client,
                "names",
                "pebble-challtestsrv",
                "-dns01",
                AUTHORITY + ":8053",
                "-defaultIPv4",
                Lab.GATEWAY,
                "-defaultIPv6",
                "",
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-management",
                AUTHORITY + ":8055");
        pebble = lab.start(
                lab.client,
                "pebble",
                Map.of("PEBBLE_VA_NOSLEEP", "1", "PEBBLE_AUTHZREUSE", "0", "PEBBLE_WFE_NONCEREJECT", "20"),
                "bash",
                "-c",
                "cd " + directory + " && exec pebble -config pebble.json -dnsserver " + AUTHORITY + ":8053");
        await().atMost(Lab.START)
                .ignoreExceptions()
                .untilAsserted(() -> assertThat(lab.shell(
                                lab.client,
                                Lab.COMMAND,
                                "curl -sS --cacert " + directory + "/tls.pem https://" + AUTHORITY
                                        + ":15000/roots/0 | tee " + directory + "/root.pem"))
                        .contains("BEGIN CERTIFICATE"));
        Lab.must(
                "keytool",
                "-importcert",
                "-noprompt",
                "-storetype",
                "PKCS12",
                "-storepass",
                "changeit",
                "-alias",
                "pebble",
                "-file",
                directory + "/root.pem",
                "-keystore",
                directory + "/trusted.p12");
        options = "-Djdk.net.hosts.file=" + hosts + " -Djavax.net.ssl.trustStore=" + directory
                + "/trusted.p12 -Djavax.net.ssl.trustStorePassword=changeit";
    }

    private static Program start(Host host, String name, String... command) throws IOException {
        return lab.start(host, name, Map.of("CULVERT_JAVA_OPTS", options + " -Dculvert.terminal=true"), command);
    }

    private static Program startGateway(String... more) throws IOException {
        List<String> line = new ArrayList<>(List.of(
                lab.script("gateway"),
                "--state",
                lab.state().toString(),
                "--listen",
                ":" + Lab.PORT,
                "--public-name",
                "vpn.test",
                "--acme",
                "https://" + AUTHORITY + ":14000/dir",
                "--acme-trust",
                lab.directory().resolve("tls.pem").toString(),
                "--acme-accept-terms"));
        line.addAll(List.of(more));
        Program gateway = start(lab.gateway, "gateway", line.toArray(String[]::new));
        gateway.awaitOutput("listening on", Lab.START);
        return gateway;
    }

    /** An agent without a pin. */
    private static Program startPlant() throws Exception {
        Program agent = start(
                lab.plant,
                "agent",
                lab.script("agent"),
                "--token-file",
                lab.directory().resolve("agent-plant.token").toString(),
                "--state",
                lab.directory().resolve("plant-state").toString());
        agent.awaitOutput("connected to", Lab.START);
        return agent;
    }

    /** The serial number of what who offers protocols is shown; an error if that is not trusted by pebble's root. */
    private static String serial() throws Exception {
        assertThat(lab.shell(
                        lab.client,
                        Lab.COMMAND,
                        "curl -sS -o /dev/null -w '%{http_code}' --max-time 30 --cacert " + lab.directory()
                                + "/root.pem --resolve vpn.test:" + Lab.PORT + ":" + Lab.GATEWAY + " https://vpn.test:"
                                + Lab.PORT + "/nothing"))
                .isEqualTo("404");
        return shown("-serial");
    }

    private static String shown(String what) throws Exception {
        return lab.shell(
                lab.client,
                Lab.COMMAND,
                "openssl s_client -connect " + Lab.GATEWAY + ":" + Lab.PORT
                        + " -servername vpn.test -alpn http/1.1 </dev/null" + " 2>/dev/null | openssl x509 -noout "
                        + what);
    }

    private static void reaches(String host) {
        await().atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() -> lab.must(lab.client, "ping", "-c", "1", "-W", "5", host));
    }

    @Test
    void isShownToEndsWithoutAPinWhileThoseWithOneGoOn() throws Exception {
        String own = Lab.must("openssl", "x509", "-noout", "-subject", "-in", lab.state() + "/ca.crt")
                .strip()
                .substring("subject=".length());
        pebble.signal("STOP"); // the authority is slow
        Program gateway = startGateway("--http", ":80");
        Program office = lab.startOffice();
        assertThat(shown("-issuer").strip()).endsWith(own);
        pebble.signal("CONT");
        await().atMost(PATIENCE).ignoreExceptions().until(() -> !serial().isEmpty());
        assertThat(pebble.output()).contains(BY_PAGE);

        lab.token(
                "agent",
                "--name",
                "plant",
                "--gateway",
                URL,
                "--public-certificate",
                "--routes",
                "192.168.88.0/24",
                "--out",
                lab.directory().resolve("agent-plant.token").toString());
        Program plant = startPlant();
        Path token = lab.clientToken(
                "laptop", "office:192.168.77.0/24,plant:192.168.88.0/24", "--gateway", URL, "--public-certificate");
        Program client = start(lab.client, "client", lab.up(token));
        client.awaitOutput("routes: ", Lab.START);
        reaches(Lab.OFFICE_HOST);
        reaches(Lab.PLANT_HOST);

        gateway.terminate();
        int authorityMark = pebble.mark();
        int mark = plant.mark();
        startGateway(); // without port 80: what is renewed is proved on the port of the links
        plant.awaitOutputAfter(mark, "connected to", PATIENCE);
        reaches(Lab.OFFICE_HOST);
        reaches(Lab.PLANT_HOST);

        String before = await().atMost(PATIENCE).ignoreExceptions().until(PublicNameIT::serial, s -> !s.isEmpty());
        int officeMark = office.mark();
        int plantMark = plant.mark();
        await().atMost(Duration.ofSeconds(LIFE_SECONDS).plus(PATIENCE))
                .pollInterval(Duration.ofSeconds(1))
                .ignoreExceptions()
                .until(() -> !serial().equals(before));
        assertThat(pebble.output().substring(authorityMark))
                .contains("set VALID by completed challenge")
                .doesNotContain(BY_PAGE);
        assertThat(office.output().substring(officeMark)).doesNotContain("connected to");
        assertThat(plant.output().substring(plantMark)).doesNotContain("connected to");
        reaches(Lab.OFFICE_HOST);
        reaches(Lab.PLANT_HOST);

        plant.terminate();
        startPlant();
        office.terminate();
        lab.startOffice();
        reaches(Lab.OFFICE_HOST);
        reaches(Lab.PLANT_HOST);
    }
}
