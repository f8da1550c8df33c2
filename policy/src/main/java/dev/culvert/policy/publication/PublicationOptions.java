package dev.culvert.policy.publication;

import dev.culvert.address.IpPrefix;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How the gateway treats what is published; without options everything passes as it comes. Reading a value parses its text: who
 * needs one for each request keeps it.
 */
public final class PublicationOptions {
    /** None of them. */
    public static final PublicationOptions NONE = new PublicationOptions(new EnumMap<>(PublicationOption.class));

    /** Every option's name. */
    public static final List<String> NAMES = PublicationOption.names();

    /** So many look-ups in a row decide, unless it is said. */
    private static final int HEALTH_LOOKS = 2;

    private static final int HEALTH_INTERVAL_SECONDS = 10;

    private final Map<PublicationOption, String> values;

    private PublicationOptions(EnumMap<PublicationOption, String> values) {
        this.values = Collections.unmodifiableMap(values);
    }

    /** So many in a time. */
    public record Rate(int count, Duration in) {}

    /**
     * Who may ask.
     *
     * @param hash of the password, by bcrypt
     */
    public record User(String name, String hash) {
        @Override
        public String toString() {
            return name;
        }
    }

    /**
     * How a target is looked at.
     *
     * @param path what is asked for by GET; null when connecting is enough
     * @param fails looks in a row that make it unwell
     * @param passes looks in a row that make it well again
     */
    public record HealthCheck(@Nullable String path, Duration interval, int fails, int passes) {}

    /**
     * These, and one more.
     *
     * @param value as it is written; empty for an option that needs none
     * @throws IllegalArgumentException with cause and cure in one line
     */
    public PublicationOptions with(String name, String value) {
        PublicationOption option = PublicationOption.of(name);
        String normal = option.normalize(value);
        EnumMap<PublicationOption, String> more = new EnumMap<>(PublicationOption.class);
        more.putAll(values);
        if (normal == null) {
            more.remove(option);
        } else {
            more.put(option, normal);
        }
        return new PublicationOptions(more);
    }

    /** A member of an option that is a list, behind those that it has; of another option the value itself. */
    public String joined(PublicationOption option, String member) {
        String before = option.isList() ? values.get(option) : null;
        return before == null ? member : before + PublicationOption.LIST_SEPARATOR + member;
    }

    /** Those that are set. */
    Set<PublicationOption> set() {
        return values.keySet();
    }

    boolean has(PublicationOption option) {
        return values.containsKey(option);
    }

    /** Whether the public side's path is taken off before the target sees the request. */
    public boolean stripPrefix() {
        return has(PublicationOption.STRIP_PREFIX);
    }

    /** What the target sees as Host; null for the public name. */
    public @Nullable String host() {
        return values.get(PublicationOption.HOST);
    }

    /** Seconds for Strict-Transport-Security (RFC 6797); 0 for none. */
    public long hsts() {
        return number(PublicationOption.HSTS, 0);
    }

    /** Under what name an https target's certificate is checked and asked for; null for the target's host. */
    public @Nullable String tlsName() {
        return values.get(PublicationOption.TLS_NAME);
    }

    /** The certificate that an https target's must lead to, DER in Base64; null for those that the system trusts. */
    public @Nullable String tlsCa() {
        return values.get(PublicationOption.TLS_CA);
    }

    /** The same, read. */
    public @Nullable X509Certificate ca() {
        String text = tlsCa();
        try {
            return text == null ? null : TargetCertificate.read(text);
        } catch (CertificateException e) {
            throw new IllegalStateException("it could be read when the option was", e);
        }
    }

    /** Whether an https target's certificate is not checked at all. */
    public boolean tlsInsecure() {
        return has(PublicationOption.TLS_INSECURE);
    }

    /** From where it may be used; empty for everywhere. */
    public List<IpPrefix> allow() {
        return list(PublicationOption.ALLOW).stream().map(IpPrefix::parse).toList();
    }

    /** Visitors' connections at once; {@code Integer.MAX_VALUE} when it is not said. */
    public int connections() {
        return (int) number(PublicationOption.CONNECTIONS, Integer.MAX_VALUE);
    }

    /** Requests, or new connections, of one address; null without a limit. */
    public @Nullable Rate rate() {
        String text = values.get(PublicationOption.RATE);
        return text == null
                ? null
                : new Rate(
                        Integer.parseInt(text.substring(0, text.length() - 2)),
                        text.endsWith("s") ? Duration.ofSeconds(1) : Duration.ofMinutes(1));
    }

    /** Most bytes of a request's body; {@code Long.MAX_VALUE} when it is not said. */
    public long maxBody() {
        String text = values.get(PublicationOption.MAX_BODY);
        if (text == null) {
            return Long.MAX_VALUE;
        }
        int unit = "kmg".indexOf(text.charAt(text.length() - 1)) + 1;
        long number = Long.parseLong(unit == 0 ? text : text.substring(0, text.length() - 1));
        return number * (long) Math.pow(1_000, unit);
    }

    /** Seconds until the target must have begun its answer; 0 when it is not said. */
    public int answerSeconds() {
        return (int) number(PublicationOption.ANSWER_TIMEOUT, 0);
    }

    /** Who may ask, with a password (RFC 7617); empty for everybody. */
    public List<User> users() {
        return list(PublicationOption.BASIC_AUTH).stream()
                .map(text -> new User(text.substring(0, text.indexOf(':')), text.substring(text.indexOf(':') + 1)))
                .toList();
    }

    /** The version of the PROXY protocol in which the target is told who connects; 0 for none. */
    public int proxyProtocol() {
        String text = values.get(PublicationOption.PROXY_PROTOCOL);
        return text == null ? 0 : text.equals("v1") ? 1 : 2;
    }

    /** How its target is looked at; null when it is not. */
    public @Nullable HealthCheck health() {
        String text = values.get(PublicationOption.HEALTH);
        return text == null
                ? null
                : new HealthCheck(
                        text.startsWith("/") ? text : null,
                        Duration.ofSeconds(number(PublicationOption.HEALTH_INTERVAL, HEALTH_INTERVAL_SECONDS)),
                        (int) number(PublicationOption.HEALTH_FAILS, HEALTH_LOOKS),
                        (int) number(PublicationOption.HEALTH_PASSES, HEALTH_LOOKS));
    }

    /** Whether a browser is led to the same instance again. */
    public boolean affinity() {
        return has(PublicationOption.AFFINITY);
    }

    private long number(PublicationOption option, long otherwise) {
        String text = values.get(option);
        return text == null ? otherwise : Long.parseLong(text);
    }

    private List<String> list(PublicationOption option) {
        String text = values.get(option);
        return text == null ? List.of() : Arrays.asList(text.split("[+]"));
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof PublicationOptions that && values.equals(that.values);
    }

    @Override
    public int hashCode() {
        return Objects.hashCode(values);
    }

    /** The text form for people: hashes of passwords are left out, and a certificate is only named. */
    public String shown() {
        return text(option -> option.isSecret()
                ? users().stream().map(User::name).collect(Collectors.joining(PublicationOption.LIST_SEPARATOR))
                : Objects.requireNonNull(values.get(option)));
    }

    /** The text form: {@code ,strip-prefix,host=app.internal}; empty without options. Has hashes of passwords. */
    @Override
    public String toString() {
        return text(option -> Objects.requireNonNull(values.get(option)));
    }

    private String text(Function<PublicationOption, String> value) {
        StringBuilder out = new StringBuilder();
        for (PublicationOption option : values.keySet()) {
            String text = value.apply(option);
            out.append(',').append(option).append(text.isEmpty() ? "" : "=" + text);
        }
        return out.toString();
    }
}
