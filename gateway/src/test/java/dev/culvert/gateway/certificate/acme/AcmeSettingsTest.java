package dev.culvert.gateway.certificate.acme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

@NullUnmarked
final class AcmeSettingsTest {
    @Test
    void aServerIsReadFromOneOption() {
        assertThat(Server.parse("letsencrypt").directory()).isEqualTo(AcmeSettings.KNOWN.get("letsencrypt"));
        Server server =
                Server.parse("https://ca.example:9000/acme/dir,eab=kid:1:/etc/culvert/eab.key,profile=shortlived");
        assertThat(server.directory()).hasToString("https://ca.example:9000/acme/dir");
        assertThat(server.eabKeyId()).isEqualTo("kid:1");
        assertThat(server.eabKeyFile()).isEqualTo(Path.of("/etc/culvert/eab.key"));
        assertThat(server.profile()).isEqualTo("shortlived");
    }

    @Test
    void whatIsNoServerIsSaid() {
        for (String wrong : List.of(
                "",
                "http://ca.example/dir",
                "https:///dir",
                "letsencryp",
                "letsencrypt,eab=:x",
                "letsencrypt,eab=x",
                "letsencrypt,profile=",
                "letsencrypt,other",
                "https://ca example")) {
            assertThatThrownBy(() -> Server.parse(wrong))
                    .as(wrong)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("write letsencrypt, or https://ca.example/directory");
        }
    }

    @Test
    void aNameMustHaveAnAddressOfOurs() throws Exception {
        InetAddress ours = InetAddress.getByName("192.0.2.1");
        InetAddress others = InetAddress.getByName("198.51.100.1");
        Precheck known = new AddressPrecheck(Set.of(ours), name -> List.of(name.startsWith("app") ? ours : others));
        assertThat(known.complaint("app.example")).isNull();
        assertThat(known.complaint("wiki.example")).contains("198.51.100.1").contains("192.0.2.1");
        assertThat(known.complaint("192.0.2.1")).isNull();
        assertThat(known.complaint("198.51.100.1")).isNotNull();
        Precheck any = new AddressPrecheck(Set.of(), name -> List.of(others));
        assertThat(any.complaint("wiki.example")).isNull();
        Precheck none = new AddressPrecheck(Set.of(), name -> {
            throw new UnknownHostException(name);
        });
        assertThat(none.complaint("wiki.example")).contains("set one for wiki.example in the DNS");
    }
}
