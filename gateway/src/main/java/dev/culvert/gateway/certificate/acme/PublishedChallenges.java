package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.Certificate;
import dev.culvert.gateway.certificate.Challenges;
import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import dev.culvert.token.sign.VerificationKey;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/**
 * What is being proved, in the store, so that any gateway that shares it answers whom an authority happens to reach.
 * {@link #keyAuthorization} and {@link #tlsAlpn} may be asked on event loops; all else blocks.
 */
final class PublishedChallenges implements Challenges {
    private static final Logger log = LoggerFactory.getLogger(PublishedChallenges.class);

    /** How long it takes at most until another gateway has seen what was published: it looks each 200 ms. */
    static final Duration SEEN_WITHIN = Duration.ofMillis(400);

    /** What a crash has left behind is answered no longer; authorities look within minutes. */
    private static final Duration KEPT = Duration.ofHours(1);

    private static final ASN1ObjectIdentifier ACME_IDENTIFIER = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.1.31");

    private static final Document DOCUMENT = Document.secret("acme-challenges.json");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Store store;
    private final Clock clock;
    private @Nullable String version = "";
    private volatile Answers answers = new Answers(Map.of(), Map.of(), Map.of());

    /**
     * @param byToken key authorisations
     * @param byName certificates for TLS-ALPN-01
     * @param made the same by key authorisation
     */
    private record Answers(Map<String, Shown> byToken, Map<String, Answer> byName, Map<String, Certificate> made) {}

    private record Answer(Certificate certificate, Instant until) {}

    /**
     * What is shown to prove a name.
     *
     * @param name whose
     * @param token which the authority asks for
     * @param keyAuthorization the answer
     * @param tls whether it may come on port 443
     * @param until when it is forgotten
     */
    private record Shown(String name, String token, String keyAuthorization, boolean tls, Instant until) {}

    PublishedChallenges(Store store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    /**
     * Shows it from now on, and nothing else: whoever has the claim on orders proves one name at a time, so what is there was left
     * by a process that was killed.
     */
    void publish(String name, String token, String keyAuthorization, boolean tls) throws StateException {
        change(List.of(
                new Shown(name, token, keyAuthorization, tls, clock.instant().plus(KEPT))));
    }

    /** Shows nothing more. By who has the claim on orders. */
    void withdraw() throws StateException {
        change(List.of());
    }

    private void change(List<Shown> next) throws StateException {
        store.update(DOCUMENT, text -> parse(text).equals(next) ? null : text(next));
        refresh();
    }

    /**
     * Reads what another gateway has published, if anything has changed.
     *
     * @return whether it had
     */
    synchronized boolean refresh() throws StateException {
        String now = store.version(DOCUMENT);
        if (Objects.equals(now, version)) {
            return false;
        }
        Map<String, Shown> byToken = new HashMap<>();
        Map<String, Answer> byName = new HashMap<>();
        Map<String, Certificate> made = new HashMap<>();
        for (Shown shown : parse(store.get(DOCUMENT))) {
            byToken.put(shown.token, shown);
            if (shown.tls) {
                Certificate before = answers.made.get(shown.keyAuthorization);
                Certificate certificate = before != null ? before : validation(shown.name, shown.keyAuthorization);
                made.put(shown.keyAuthorization, certificate);
                byName.put(shown.name, new Answer(certificate, shown.until));
            }
        }
        answers = new Answers(byToken, byName, made);
        version = now;
        return true;
    }

    /** What is shown on port 443: its name, and the key authorisation's digest (RFC 8737 section 3). */
    private Certificate validation(String name, String keyAuthorization) throws StateException {
        KeyPair pair = Keys.generate();
        byte[] digest = VerificationKey.sha256(keyAuthorization.getBytes(StandardCharsets.US_ASCII));
        X500Principal subject = new X500Principal("CN=acme challenge");
        Instant now = clock.instant();
        try {
            var builder = new JcaX509v3CertificateBuilder(
                            subject,
                            BigInteger.ONE,
                            Date.from(now.minus(KEPT)),
                            Date.from(now.plus(KEPT)),
                            subject,
                            pair.getPublic())
                    .addExtension(
                            Extension.subjectAlternativeName,
                            false,
                            new GeneralNames(new GeneralName(GeneralName.dNSName, name)))
                    .addExtension(ACME_IDENTIFIER, true, new DEROctetString(digest));
            return Certificate.of(
                    List.of(new JcaX509CertificateConverter()
                            .getCertificate(builder.build(
                                    new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate())))),
                    pair.getPrivate());
        } catch (IOException | OperatorCreationException | GeneralSecurityException e) {
            throw new StateException("no certificate can be made to prove " + name + ": " + e.getMessage(), e);
        }
    }

    private static String text(List<Shown> all) {
        ArrayNode out = JSON.createArrayNode();
        all.forEach(s -> out.addObject()
                .put("name", s.name)
                .put("token", s.token)
                .put("keyAuthorization", s.keyAuthorization)
                .put("tls", s.tls)
                .put("until", s.until.getEpochSecond()));
        return JSON.writeValueAsString(out) + "\n";
    }

    private List<Shown> parse(@Nullable String text) {
        List<Shown> out = new ArrayList<>();
        if (text == null) {
            return out;
        }
        try {
            for (JsonNode node : JSON.readTree(text)) {
                out.add(new Shown(
                        node.required("name").stringValue(),
                        node.required("token").stringValue(),
                        node.required("keyAuthorization").stringValue(),
                        node.required("tls").booleanValue(),
                        Times.of(node.required("until"))));
            }
            return out;
        } catch (RuntimeException e) {
            log.warn("{} cannot be understood, and is begun anew: {}", store.where(DOCUMENT), e.getMessage());
            return new ArrayList<>(); // no more is lost than one order
        }
    }

    @Override
    public @Nullable String keyAuthorization(String token) {
        Shown shown = answers.byToken.get(token);
        return shown == null || clock.instant().isAfter(shown.until) ? null : shown.keyAuthorization;
    }

    @Override
    public @Nullable Certificate tlsAlpn(String serverName) {
        String name = Certificate.normalize(serverName);
        Answer answer = name == null ? null : answers.byName.get(name);
        return answer == null || clock.instant().isAfter(answer.until) ? null : answer.certificate;
    }
}
