package dev.culvert.tunnel.look;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.tunnel.fixture.GatewayStub;
import java.math.BigInteger;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is made of what was seen. */
@NullUnmarked
final class InterferenceTest {
    private static final Instant NOW = Instant.now();
    private static final String HOST = "vpn.example";

    private final KeyPair key = GatewayStub.key();

    InterferenceTest() throws Exception {}

    private List<X509Certificate> forged(String issuer, GeneralName... names) throws Exception {
        JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                new X500Name(issuer),
                BigInteger.ONE,
                Date.from(NOW.minus(Duration.ofDays(1))),
                Date.from(NOW.plus(Duration.ofDays(1))),
                new X500Name("CN=some server"),
                key.getPublic());
        if (names.length > 0) {
            builder.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
        }
        return List.of(new JcaX509CertificateConverter()
                .getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key.getPrivate()))));
    }

    private static GeneralName dns(String name) {
        return new GeneralName(GeneralName.dNSName, name);
    }

    private static Seen tls(List<X509Certificate> chain) {
        return new Seen(chain, 200, NOW, null);
    }

    private static String words(byte[] pin, Seen tls) {
        return new Interference(HOST, pin).words(tls, Seen.NOTHING, NOW);
    }

    @Test
    void whoOpensTlsIsNamedByHisAuthority() throws Exception {
        byte[] pin = GatewayStub.pin(GatewayStub.key());
        String box = "something between here and the gateway opens TLS: the certificate for vpn.example that is shown"
                + " here was issued by 'CN=Inspection CA,O=Corp', not by ";
        String issuer = "O=Corp,CN=Inspection CA"; // written last first
        for (GeneralName name : List.of(dns(HOST), dns("*.example"), dns("VPN.EXAMPLE"))) {
            assertThat(words(pin, tls(forged(issuer, dns("other.example"), name))))
                    .isEqualTo(box + "the gateway's own authority; have vpn.example excepted from inspection");
        }
        assertThat(words(null, tls(forged(issuer, dns(HOST)))))
                .startsWith(box + "anybody whom this machine trusts; have vpn.example excepted from inspection")
                .endsWith(" have the gateway send the intermediate ones too"); // or it is that
        GeneralName address = new GeneralName(GeneralName.iPAddress, "2001:db8::7");
        assertThat(new Interference("2001:db8:0::7", pin).words(tls(forged(issuer, address)), Seen.NOTHING, NOW))
                .startsWith("something between here and the gateway opens TLS");
    }

    @Test
    void anotherServerIsNoInspection() throws Exception {
        byte[] pin = GatewayStub.pin(GatewayStub.key());
        for (List<X509Certificate> chain :
                List.of(forged("CN=X"), forged("CN=X", dns("example"), dns("a.vpn.example")))) {
            assertThat(words(null, tls(chain))).startsWith("another server answers there: its certificate is of");
            assertThat(words(pin, tls(chain)))
                    .isEqualTo("this is not the gateway of the token: its certificate is of 'CN=some server' by 'CN=X';"
                            + " check the address, or does this network want you to log in first, with a browser?");
        }
    }

    @Test
    void whatACertificateSaysIsPrintable() throws Exception {
        assertThat(words(
                        GatewayStub.pin(GatewayStub.key()),
                        tls(forged("CN=a\u202eb" + (",OU=" + "x".repeat(60)).repeat(5)))))
                .doesNotContain("\u202e")
                .hasSizeLessThan(500);
    }

    @Test
    void anotherGatewayIsTheOldStory() throws Exception {
        assertThat(words(GatewayStub.pin(GatewayStub.key()), tls(forged("CN=Culvert gateway CA", dns(HOST)))))
                .isNull();
        assertThat(words(GatewayStub.pin(GatewayStub.key()), Seen.NOTHING)).isNull();
    }

    /** Its own certificate has run out, and its clock agrees with ours. */
    @Test
    void whatIsTheGatewaysIsNobodyElses() throws Exception {
        KeyPair ca = GatewayStub.key();
        List<X509Certificate> chain = List.of(
                GatewayStub.certificate("gateway", key, "ca", ca, false, Duration.ofDays(-2)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(4_000)));
        // Made before its authority, as a fixture has it: what was valid then is looked at with the authority's dates.
        assertThat(words(null, tls(chain)))
                .as("without a pin its dates are all that is known")
                .isNull();
        List<X509Certificate> good = List.of(
                GatewayStub.certificate("gateway", key, "ca", ca, false, Duration.ofDays(2)),
                GatewayStub.certificate("ca", ca, "ca", ca, true, Duration.ofDays(4_000)));
        assertThat(words(GatewayStub.pin(ca), tls(good))).isNull();
        assertThat(new Interference(HOST, GatewayStub.pin(ca))
                        .words(new Seen(good, 200, NOW.plusSeconds(30), null), Seen.NOTHING, NOW))
                .isNull();
        assertThat(new Interference(HOST, GatewayStub.pin(ca))
                        .words(new Seen(good, 200, NOW, null), Seen.NOTHING, NOW.plus(Duration.ofDays(365))))
                .startsWith("this machine's clock or the gateway's is wrong: this one says ");
        assertThat(new Interference(HOST, null)
                        .words(new Seen(good, 200, NOW, null), Seen.NOTHING, NOW.plus(Duration.ofDays(365))))
                .startsWith("this machine's clock or the gateway's is wrong: this one says ");
    }

    @ParameterizedTest
    @CsvSource({
        "302, http://login.hotel/x, true",
        "307, https://10.0.0.1:8443/, true",
        "511, , true",
        "511, http://vpn.example/, true",
        "301, https://vpn.example/, false",
        "301, https://VPN.example:8443/, false",
        "301, https://www.vpn.example/, false",
        "301, https://wiki.vpn.example/start, false",
        "302, /login, false",
        "302, , false",
        "302, ':::', false",
        "200, , false",
        "404, http://login.hotel/, false",
        "0, , false"
    })
    void aPortalLeadsElsewhere(int status, String location, boolean portal) {
        Seen seen = new Seen(List.of(), status, null, location);
        assertThat(seen.isPortal(HOST)).isEqualTo(portal);
        assertThat(new Interference(HOST, null).words(Seen.NOTHING, seen, NOW) != null)
                .isEqualTo(portal);
    }

    /** A web server that was asked by its address, or under one name of several, leads to its name. */
    @Test
    void aWebServerMayLeadToItsOwnName() {
        Seen seen = new Seen(List.of(), 301, null, "https://shop.example/");
        assertThat(seen.isPortal("203.0.113.5")).isFalse();
        assertThat(seen.isPortal("2001:db8::5")).isFalse();
        assertThat(seen.isPortal("vpn.shop.example")).isFalse();
        assertThat(seen.isPortal("vpn.other.example")).isTrue();
    }
}
