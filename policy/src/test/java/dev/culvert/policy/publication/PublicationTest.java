package dev.culvert.policy.publication;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.address.Transport;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PublicationTest {
    /** Made by keytool, valid for a hundred years; nothing is checked of it but that it is one. */
    static final String CERTIFICATE =
            "MIIBOzCB4qADAgECAgkAigsQN/4lssEwCgYIKoZIzj0EAwIwETEPMA0GA1UEAxMGdGFyZ2V0MCAXDTI2MTEzMDAxMjMyOVoYDzIxMjYxMTA2MDEyMzI5WjARMQ8wDQYDVQQDEwZ0YXJnZXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR4rpB1yX54e5v86FATlgg/Y4857feTjlOLavszolnLZgdw75XiixImubNZEHBrYjcPmfaqohdBTA14g6MYWyQVoyEwHzAdBgNVHQ4EFgQUmjbh5p9MtZnPdOEaPxUUKif75BAwCgYIKoZIzj0EAwIDSAAwRQIhAJb4yh5iBFmnjOjoRGgUlbNeuqJlRLMEunEGOmpPf6x0AiAg7sj4I1cxtkjwlEy0EUFYSCCP3VB1Ag6crKTRp/0nWA==";

    private static final String HASH = "$2y$10$abcdefghijklmnopqrstuvwxyz./ABCDEFGHIJKLMNOPQRSTUVWXY";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "app.example.com=http://192.168.77.10:8080",
                "*.apps.example.com=https://192.168.77.10:8443",
                "app.example.com/api/v2=http://app.lan:8080,strip-prefix,host=app.lan:81,hsts=600",
                "app.example.com=https://[fd77::10]:8443,tls-name=app.internal",
                "app.example.com=https://app:8443,tls-insecure",
                "app.example.com=https://app:8443,tls-ca=" + CERTIFICATE,
                "grpc.example.com=h2c://192.168.77.10:50051,health=/healthz?deep=1,affinity",
                "a.example.com=http://app:80,allow=192.0.2.0/24+2001:db8::/32,connections=500,rate=50/s,max-body=10m",
                "a.example.com=http://app:80,answer-timeout=300,basic-auth=anna:$2y$10$abcdefghijklmnopqrstuvwxyz./ABCDEFGHIJKLMNOPQRSTUVWXY+bert@x:$2y$10$abcdefghijklmnopqrstuvwxyz./ABCDEFGHIJKLMNOPQRSTUVWXY",
                "a.example.com=http://app:80,proxy-protocol=v2,health=/up,health-interval=5,health-fails=3,health-passes=1",
                "m.example.com=tls://app:443,allow=10.0.0.0/8,rate=6/m,proxy-protocol=v1,health=tcp",
                "udp:5000=app:5000,allow=10.0.0.1/32,connections=10",
                "mail.example.com=tls://192.168.77.11:993",
                "tcp:2222=192.168.77.10:22",
                "tcp:8000-8010=db.lan:9000",
                "udp:5353=[fd77::53]:53",
            })
    void textIsReadBack(String text) {
        assertThat(Publication.parse(text)).hasToString(text);
        assertThat(Publication.parse(Publication.parse(text).toString())).isEqualTo(Publication.parse(text));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "APP.Example.com.=http://192.168.77.10 | app.example.com=http://192.168.77.10:80",
                "app.example.com/=HTTPS://host.lan | app.example.com=https://host.lan:443",
                "bücher.example=http://büro.lan:81 | xn--bcher-kva.example=http://xn--bro-hoa.lan:81",
                "app.example.com=http://a:1,hsts | app.example.com=http://a:1,hsts=31536000",
                "app.example.com=http://a:1,hsts=false | app.example.com=http://a:1",
                "tcp:22-22=[::ffff:10.0.0.1]:22 | tcp:22=10.0.0.1:22",
            })
    void oneFormForWhatMeansTheSame(String written, String shown) {
        // An IPv4-mapped address in brackets is the IPv4 address.
        assertThat(Publication.parse(written)).hasToString(shown);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "app.example.com | leads nowhere; write PUBLIC=TARGET",
                "=http://a:1 | is no host name; write app.example.com",
                "10.0.0.1=http://a:1 | is no host name",
                "a.*.com=http://a:1 | is no host name",
                "*=http://a:1 | is no host name",
                "app.example.com:8443=http://a:1 | has a colon, and names share the gateway's own ports",
                "app.example.com/a//b=http://a:1 | write whole segments",
                "app.example.com/../x=http://a:1 | write whole segments",
                "app.example.com/%61=http://a:1 | write whole segments",
                "app.example.com=http://a:1/x | leave '/x' out",
                "app.example.com=ftp://a:1 | 'ftp://' is not known: write http://",
                "app.example.com=a:1 | write http://a:1, https://, h2c:// or tls://",
                "app.example.com=http://:80 | names neither an address nor a host",
                "app.example.com=http://a:0 | has no port from 1 to 65535",
                "app.example.com=http://a:65536 | has no port from 1 to 65535",
                "app.example.com=http://fd77::10:80 | in brackets",
                "app.example.com=http://[10.0.0.1]:80 | names neither an address nor a host",
                "app.example.com=http://127.1:80 | names neither an address nor a host",
                "tcp:2222=a | has no port from 1 to 65535",
                "tcp:2222=http://a:1 | write the target a:1, without http://",
                "tcp:0=a:1 | has no port or range",
                "tcp:9-8=a:1 | has no port or range",
                "tcp:1-300=a:1 | at most 256; use several",
                "tcp:100-110=a:65530 | leads beyond 65535",
                "icmp:1=a:1 | has a colon",
                "tcp:22=a:1,hsts | option 'hsts' is for HTTP",
                "m.example=tls://a:1,host=x | option 'host' is for HTTP",
                "m.example/x=tls://a:1 | has no path; leave it out",
                "app.example.com=http://a:1,strip-prefix | has nothing to take away",
                "app.example.com/x=http://a:1,strip-prefix=no | write true, or leave it out",
                "app.example.com=http://a:1,tls-insecure | is for https:// targets",
                "app.example.com=https://a:1,tls-insecure,tls-name=b | leave one out",
                "app.example.com=https://a:1,tls-ca=AAAA | is no certificate that can be read",
                "app.example.com=http://a:1,hsts=0 | write seconds from 1 to 63072000",
                "app.example.com=http://a:1,hsts=1,hsts=2 | is there twice",
                "app.example.com=http://a:1,host=a b | is no host name",
                "app.example.com=http://a:1,host=a:x | is no host name",
                "app.example.com=http://a:1,allow=10.0.0.1/8 | is no network",
                "app.example.com=http://a:1,allow= | is no network",
                "app.example.com=http://a:1,connections=0 | write a number from 1 to 1000000",
                "app.example.com=http://a:1,rate=5 | like 50/s or 600/m",
                "app.example.com=http://a:1,max-body=1T | like 500k, 10M or 2G",
                "app.example.com=http://a:1,basic-auth=anna:secret | without a usable hash; write NAME:HASH",
                "app.example.com=http://a:1,proxy-protocol | write v1 or v2",
                "app.example.com=h2c://a:1,proxy-protocol=v1 | one of h2c:// is for many; leave it out",
                "udp:1=a:1,proxy-protocol=v1 | these are datagrams",
                "tcp:1=a:1,health=/x | write health=tcp",
                "tcp:1=a:1,health-fails=2 | nobody looks; write health=tcp or health=/path too",
                "app.example.com=http://a:1,health=up | write tcp, or the path of a page",
                "tcp:1=a:1,affinity | option 'affinity' is for HTTP",
                "app.example.com=http://a:1,colour=red | there is no option 'colour'; known: strip-prefix, host",
                "app.example.com=http://a:1, | there is no option ''",
            })
    void whatIsWrongIsSaidInOneLine(String text, String message) {
        assertThatThrownBy(() -> Publication.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n").doesNotContain("null"));
    }

    @Test
    void whatIsWrongIsQuotedShortAndEscaped() {
        assertThatThrownBy(() -> Publication.parse("\u001b[2J" + "x".repeat(1_000) + "=http://a:1"))
                .satisfies(
                        e -> assertThat(e.getMessage()).doesNotContain("\u001b").hasSizeLessThan(600));
        assertThatThrownBy(() -> Publication.parse("x".repeat(Publication.MAX_TEXT + 1)))
                .hasMessageContaining("at most 8192 are read");
    }

    @Test
    void parts() {
        Publication web = Publication.parse("app.example.com/api=https://192.168.77.10:8443,tls-ca=" + CERTIFICATE);
        assertThat(web.to().scheme()).isEqualTo(Scheme.HTTPS);
        assertThat(web.to().authority()).isEqualTo("192.168.77.10:8443");
        assertThat(web.to().address()).isNotNull();
        assertThat(web.options().ca()).isNotNull();
        assertThat(web.transport()).isEqualTo(Transport.TCP);
        WebName name = (WebName) web.at();
        assertThat(List.of("/api", "/api/", "/api/x", "/api?x=/y")).allMatch(name::holds);
        assertThat(List.of("/", "/apix", "/ap", "", "/x/api")).noneMatch(name::holds);
        Publication udp = Publication.parse("udp:5000-5009=dns.lan:53");
        assertThat(udp.transport()).isEqualTo(Transport.UDP);
        assertThat(udp.targetPort(5_003)).isEqualTo(56);
        assertThat(udp.to().address()).isNull();
        assertThat(Publication.parse("m.example=tls://a:1").isPassedThrough()).isTrue();
    }

    @Test
    void aCertificateIsReadAsPemToo() {
        String pem = "-----BEGIN CERTIFICATE-----\n" + CERTIFICATE + "\n-----END CERTIFICATE-----\n";
        assertThat(PublicationOptions.NONE.with("tls-ca", pem))
                .isEqualTo(PublicationOptions.NONE.with("tls-ca", CERTIFICATE));
    }

    @Test
    void whatOptionsSay() {
        PublicationOptions options = Publication.parse(
                        "a.example.com=http://app:80,allow=192.0.2.0/24+10.0.0.1/32,connections=5,rate=600/m"
                                + ",max-body=2G,answer-timeout=7,basic-auth=anna:HASH+bert:HASH,proxy-protocol=v2"
                                        .replace("HASH", HASH)
                                + ",health=/up,health-fails=5,affinity")
                .options();
        assertThat(options.allow()).hasToString("[192.0.2.0/24, 10.0.0.1/32]");
        assertThat(options.connections()).isEqualTo(5);
        assertThat(options.rate()).isEqualTo(new PublicationOptions.Rate(600, Duration.ofMinutes(1)));
        assertThat(options.maxBody()).isEqualTo(2_000_000_000L);
        assertThat(options.answerSeconds()).isEqualTo(7);
        assertThat(options.users()).extracting(PublicationOptions.User::hash).containsExactly(HASH, HASH);
        assertThat(options.proxyProtocol()).isEqualTo(2);
        assertThat(options.health()).isEqualTo(new PublicationOptions.HealthCheck("/up", Duration.ofSeconds(10), 5, 2));
        assertThat(options.affinity()).isTrue();
        assertThat(PublicationOptions.NONE.connections()).isEqualTo(Integer.MAX_VALUE);
        assertThat(PublicationOptions.NONE.maxBody()).isEqualTo(Long.MAX_VALUE);
        assertThat(PublicationOptions.NONE.rate()).isNull();
        assertThat(PublicationOptions.NONE.health()).isNull();
    }

    @Test
    void hashesOfPasswordsAreNotShown() {
        Publication publication =
                Publication.parse("a.example.com=http://app:80,basic-auth=anna:" + HASH + "+bert:" + HASH);
        assertThat(publication.shown()).isEqualTo("a.example.com=http://app:80,basic-auth=anna+bert");
        assertThatThrownBy(() -> Publication.parse("a.example.com=http://app:80,basic-auth=anna:hunter2"))
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("hunter2"));
    }

    /** Whatever text there is: it is read, and then read back as itself, or refused with an argument's exception. */
    @Test
    void anyTextIsReadOrRefused() {
        String[] parts = {
            "app",
            ".",
            "example",
            "*",
            "/",
            "api",
            "=",
            "http://",
            "https://",
            "tls://",
            "tcp:",
            "udp:",
            ":",
            "80",
            "-",
            "65535",
            "[",
            "]",
            "fd77::1",
            "10.0.0.1",
            ",",
            "hsts",
            "host=",
            "strip-prefix",
            "tls-name=",
            "\u0000",
            "ü",
            "%"
        };
        Random random = new Random(7);
        int read = 0;
        for (int i = 0; i < 20_000; i++) {
            StringBuilder text =
                    new StringBuilder(random.nextBoolean() ? "app.example/api=http://10.0.0.1:80" : "tcp:80=a:1");
            for (int edits = random.nextInt(4); edits > 0; edits--) {
                int at = random.nextInt(text.length() + 1);
                if (random.nextInt(3) == 0 && at < text.length()) {
                    text.deleteCharAt(at);
                } else {
                    text.insert(at, parts[random.nextInt(parts.length)]);
                }
            }
            Publication publication;
            try {
                publication = Publication.parse(text.toString());
            } catch (IllegalArgumentException e) {
                assertThat(e.getMessage()).isNotNull().doesNotContain("\n");
                continue;
            }
            read++;
            assertThat(Publication.parse(publication.toString())).isEqualTo(publication);
        }
        assertThat(read).isGreaterThan(1_000);
    }
}
