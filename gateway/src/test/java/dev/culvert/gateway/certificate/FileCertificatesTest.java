package dev.culvert.gateway.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.culvert.gateway.certificate.acme.TestCertificates;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class FileCertificatesTest {
    @TempDir
    Path dir;

    private FileCertificates.Pair pair(String file, String name) throws Exception {
        Path path = dir.resolve(file);
        Files.writeString(path, TestCertificates.of(name).pem());
        return new FileCertificates.Pair(path, path);
    }

    @Test
    void areForTheNamesThatTheyHold() throws Exception {
        FileCertificates files = new FileCertificates(List.of(
                pair("app.pem", "app.example"), pair("wild.pem", "*.apps.example"), pair("second.pem", "app.example")));
        Certificate first = Certificate.parse(Files.readString(dir.resolve("app.pem")));
        assertThat(files.find("APP.example")).isEqualTo(first);
        assertThat(files.find("one.apps.example").names()).containsExactly("*.apps.example");
        assertThat(files.find("two.one.apps.example")).as("a star is one label").isNull();
        assertThat(files.find("apps.example")).isNull();
        assertThat(files.find("other.example")).isNull();
        assertThat(files.find("not a name")).isNull();
    }

    @Test
    void areReadAgainWhenTheyChangeAndStayWhileTheFileIsBroken() throws Exception {
        FileCertificates.Pair pair = pair("app.pem", "app.example");
        FileCertificates files = new FileCertificates(List.of(pair));
        Certificate before = files.find("app.example");
        Files.writeString(pair.chain(), "rubbish of another length");
        assertThatThrownBy(files::refresh).hasMessageContaining("app.pem is no certificate to show");
        assertThat(files.find("app.example")).isEqualTo(before);
        Files.delete(pair.chain());
        assertThatThrownBy(files::refresh).hasMessageContaining("app.pem cannot be read");
        assertThat(files.find("app.example")).isEqualTo(before);
        pair("app.pem", "wiki.example");
        assertThat(files.refresh()).isTrue();
        assertThat(files.find("app.example")).isNull();
        assertThat(files.find("wiki.example")).isNotNull();
    }

    @Test
    void aKeyOfAnotherCertificateIsNotTaken() throws Exception {
        FileCertificates.Pair one = pair("one.pem", "app.example");
        FileCertificates.Pair other = pair("other.pem", "app.example");
        String chain = Files.readString(one.chain());
        Path certificate =
                Files.writeString(dir.resolve("only.crt"), chain.substring(chain.indexOf("-----BEGIN CERTIFICATE")));
        String pem = Files.readString(other.chain());
        Path key = Files.writeString(dir.resolve("only.key"), pem.substring(0, pem.indexOf("-----BEGIN CERTIFICATE")));
        assertThatThrownBy(() -> new FileCertificates(List.of(new FileCertificates.Pair(certificate, key))))
                .hasMessageContaining("the private key is not that of the first certificate");
        assertThatThrownBy(() -> new FileCertificates(List.of(new FileCertificates.Pair(certificate, certificate))))
                .hasMessageContaining("it holds no private key");
    }
}
