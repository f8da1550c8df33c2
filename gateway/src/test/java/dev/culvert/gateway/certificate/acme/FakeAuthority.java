package dev.culvert.gateway.certificate.acme;

import java.math.BigInteger;
import java.security.KeyPair;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.NullUnmarked;

/** An authority of a test's: does what it is told, by the test's clock, and notes when it was asked what. */
@NullUnmarked
final class FakeAuthority implements Authority {
    private static final KeyPair KEY = Keys.generate();

    final String directory;
    final Clock clock;
    final List<Instant> calls = new ArrayList<>();
    final List<String> orders = new ArrayList<>();
    final List<X509Certificate> replaced = new ArrayList<>();
    final Map<String, String> names = new HashMap<>();
    int proofs;
    final List<Boolean> provedHere = new ArrayList<>();
    int made;
    int windows;
    Duration life = Duration.ofDays(90);

    /** What a step (order, prove, finish, window) of a name is refused with; null to let it be done. */
    Function<String, Refusal> refuses = step -> null;

    /** For certificates that began when the test did. */
    RenewalWindow window;

    private final Instant began;

    FakeAuthority(String directory, Clock clock) {
        this.directory = directory;
        this.clock = clock;
        this.began = clock.instant();
    }

    private void step(String step) throws Refusal {
        calls.add(clock.instant());
        Refusal refusal = refuses.apply(step);
        if (refusal != null) {
            throw refusal;
        }
    }

    @Override
    public String directory() {
        return directory;
    }

    @Override
    public String order(String name, X509Certificate replaces) throws Refusal {
        step("order " + name);
        String url = directory + "/order/" + orders.size();
        orders.add(name);
        names.put(url, name);
        replaced.add(replaces);
        return url;
    }

    @Override
    public void prove(String order, PublishedChallenges published, int turn, boolean pointsHere) throws Refusal {
        if (!names.containsKey(order)) {
            throw new Refusal(Refusal.Kind.ORDER, "no such order", null);
        }
        step("prove " + names.get(order));
        proofs++;
        provedHere.add(pointsHere);
    }

    @Override
    public List<X509Certificate> finish(String order, KeyPair key) throws Refusal {
        step("finish " + names.get(order));
        made++;
        return List.of(certificate(names.get(order), key, clock.instant(), life));
    }

    @Override
    public RenewalWindow window(X509Certificate leaf) throws Refusal {
        windows++;
        step("window");
        return leaf.getNotBefore().toInstant().equals(began) ? window : null;
    }

    /** One that is signed by somebody. */
    static X509Certificate certificate(String name, KeyPair key, Instant begin, Duration life) {
        try {
            X500Principal issuer = new X500Principal("CN=Fake authority");
            return new JcaX509CertificateConverter()
                    .getCertificate(new JcaX509v3CertificateBuilder(
                                    issuer,
                                    new BigInteger(64, new java.util.Random()),
                                    Date.from(begin),
                                    Date.from(begin.plus(life)),
                                    new X500Principal("CN=x"),
                                    key.getPublic())
                            .addExtension(
                                    Extension.subjectAlternativeName,
                                    false,
                                    new GeneralNames(new GeneralName(
                                            dev.culvert.address.IpLiteral.parse(name) == null
                                                    ? GeneralName.dNSName
                                                    : GeneralName.iPAddress,
                                            name)))
                            .build(new JcaContentSignerBuilder("SHA256withECDSA").build(KEY.getPrivate())));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
