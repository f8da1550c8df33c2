package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.FileCertificates;
import dev.culvert.token.state.ServerCertificate;
import dev.culvert.token.state.StateDirectory;
import io.netty.handler.ssl.SslContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CertificateTlsTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path dir;

    private FileCertificates certificates(String... names) throws Exception {
        ServerCertificate made =
                StateDirectory.openOrCreate(dir.resolve("authority")).serverCertificate(List.of(names));
        Path pem = dir.resolve("names.pem");
        Files.writeString(pem, Certificate.of(List.of(made.chain()), made.key()).pem());
        return new FileCertificates(List.of(new FileCertificates.Pair(pem, pem)));
    }

    @Test
    void whatWasPreparedIsNotMadeAgain() throws Exception {
        FileCertificates certificates = certificates("app.test", "*.apps.test");
        CertificateTls tls = new CertificateTls();
        Certificate certificate = Objects.requireNonNull(certificates.find("app.test"));
        tls.prepare(List.of("app.test", "*.apps.test", "nobody.test"), certificates);
        SslContext prepared = Objects.requireNonNull(tls.http(certificate));
        assertThat(tls.http(certificate)).isSameAs(prepared);
        tls.prepare(List.of("*.apps.test"), certificates);
        assertThat(tls.http(Objects.requireNonNull(certificates.find("one.apps.test"))))
                .as("one certificate for both")
                .isSameAs(prepared);
        assertThat(prepared.applicationProtocolNegotiator().protocols()).containsExactly("h2", "http/1.1");
    }
}
