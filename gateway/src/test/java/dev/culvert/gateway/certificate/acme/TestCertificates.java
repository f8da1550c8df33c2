package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import java.security.KeyPair;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** Certificates for tests, signed by nobody that anybody knows. */
public final class TestCertificates {
    private TestCertificates() {}

    /** One for a name, for a day from now. */
    public static Certificate of(String name) {
        return of(name, Instant.now(), Duration.ofDays(1));
    }

    /** One for a name, for so long. */
    public static Certificate of(String name, Instant from, Duration life) {
        KeyPair key = Keys.generate();
        return Certificate.of(List.of(FakeAuthority.certificate(name, key, from, life)), key.getPrivate());
    }
}
