package dev.culvert.gateway.certificate.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.TSIG;

@NullUnmarked
final class DnsSettingsTest {
    @TempDir
    Path dir;

    @Test
    void aServerAndItsKeyAreReadFromOneOption() {
        DnsSettings settings = DnsSettings.parse("rfc2136:[2001:db8::1]:5353,key=acme:/etc/culvert/acme.key");
        assertThat(settings)
                .isEqualTo(new DnsSettings(
                        new DnsSettings.Updates(
                                "2001:db8::1", 5353, "acme", Path.of("/etc/culvert/acme.key"), "hmac-sha256"),
                        null,
                        null,
                        DnsSettings.WAIT));
        settings = DnsSettings.parse(
                "rfc2136:ns1.example,key=acme:k,algorithm=HMAC-SHA512,zone=Example.COM.,resolver=9.9.9.9,wait=30");
        assertThat(settings.by())
                .isEqualTo(new DnsSettings.Updates("ns1.example", 53, "acme", Path.of("k"), "hmac-sha512"));
        assertThat(settings.zone()).isEqualTo("example.com");
        assertThat(settings.resolver()).isEqualTo("9.9.9.9");
        assertThat(settings.within()).isEqualTo(Duration.ofSeconds(30));
        assertThat(((DnsSettings.Updates)
                                DnsSettings.parse("rfc2136:2001:db8::1,key=a:b").by())
                        .server())
                .isEqualTo("2001:db8::1");
    }

    @Test
    void aProgramIsReadFromOneOption() {
        assertThat(DnsSettings.parse("exec:/bin/sh,timeout=5").by())
                .isEqualTo(new DnsSettings.Program(Path.of("/bin/sh"), Duration.ofSeconds(5)));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "rfc2136",
                "rfc2136:,key=a:b",
                "rfc2136:ns1",
                "rfc2136:ns1,key=a",
                "rfc2136:ns1,key=:b",
                "rfc2136:ns1:0,key=a:b",
                "rfc2136:ns1:x,key=a:b",
                "rfc2136:ns1,key=a:b,key=c:d",
                "rfc2136:ns1,key=a:b,timeout=3",
                "rfc2136:ns1,key=a:b,wait=0",
                "rfc2136:ns1,key=a:b,wait=soon",
                "rfc2136:ns1,key=a:b,zone=a b",
                "rfc2136:ns1,key=a:b,",
                "exec:sh",
                "exec:/bin/sh,algorithm=hmac-sha256"
            })
    void whatIsNoneIsSaidWithTheForm(String wrong) {
        assertThatThrownBy(() -> DnsSettings.parse(wrong))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("write rfc2136:SERVER[:PORT],key=NAME:FILE or exec:/path/of/program");
    }

    @Test
    void weakAlgorithmsAndProgramsThatAreNotThereAreRefused() {
        assertThatThrownBy(() -> DnsSettings.parse("rfc2136:ns1,key=a:b,algorithm=hmac-md5"))
                .hasMessageContaining("take one of hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512");
        assertThatThrownBy(() -> DnsSettings.parse("exec:" + dir)).hasMessageContaining("no program that can be run");
    }

    @Test
    void aKeyIsReadInBothForms() throws Exception {
        Path plain = Files.writeString(dir.resolve("plain"), "c2VjcmV0\n");
        Path clause = Files.writeString(
                dir.resolve("clause"), "key \"acme.\" {\n\talgorithm hmac-sha512;\n\tsecret \"c2VjcmV0\";\n};\n");
        TSIG read = TsigKeyFile.read(plain, "acme", "hmac-sha256");
        assertThat(read.recordLength()).isPositive();
        assertThat(TsigKeyFile.read(clause, "acme", "hmac-sha256").recordLength())
                .as("a longer code")
                .isGreaterThan(read.recordLength());
    }

    @Test
    void aFileThatIsNoKeySaysSoWithoutItsText() throws Exception {
        List<String> broken = List.of(
                "",
                "hush hush!",
                "key \"other\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };",
                "key \"acme\" { };");
        for (String text : broken) {
            Path file = Files.writeString(dir.resolve("key"), text);
            assertThatThrownBy(() -> TsigKeyFile.read(file, "acme", "hmac-sha256"))
                    .as(text)
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith(file.toString())
                    .hasMessageNotContaining("hush")
                    .hasMessageNotContaining("c2VjcmV0")
                    .hasNoCause();
        }
        assertThatThrownBy(() -> TsigKeyFile.read(dir.resolve("none"), "acme", "hmac-sha256"))
                .hasMessageContaining("cannot be read");
    }
}
