package dev.culvert.policy.publication;

import dev.culvert.address.HostPattern;
import dev.culvert.address.IpPrefix;
import dev.culvert.address.Transport;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.text.Printable;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One option of a publication: its name, for what it is, and how its value is written. */
public enum PublicationOption {
    /** The public side's path is taken off before the target sees the request. */
    STRIP_PREFIX("strip-prefix", Use.HTTP, Form.FLAG, PublicationOption::flag),
    /** What the target sees as Host. */
    HOST("host", Use.HTTP, Form.VALUE, PublicationOption::authority),
    /** Seconds for Strict-Transport-Security (RFC 6797). */
    HSTS("hsts", Use.HTTP, Form.VALUE, PublicationOption::hsts),
    /** Under what name an https target's certificate is checked and asked for. */
    TLS_NAME("tls-name", Use.HTTPS, Form.VALUE, PublicationOption::name),
    /** The certificate that an https target's must lead to, DER in Base64. */
    TLS_CA("tls-ca", Use.HTTPS, Form.VALUE, TargetCertificate::normalize),
    /** An https target's certificate is not checked at all. */
    TLS_INSECURE("tls-insecure", Use.HTTPS, Form.FLAG, PublicationOption::flag),
    /** From where it may be used. */
    ALLOW("allow", Use.ANY, Form.LIST, PublicationOption::prefixes),
    /** Visitors' connections at once; of UDP, senders. */
    CONNECTIONS("connections", Use.ANY, Form.VALUE, value -> number("connections", value, 1, 1_000_000)),
    /** Requests of one address in a time; of ports and what is passed through, new connections or senders. */
    RATE("rate", Use.ANY, Form.VALUE, PublicationOption::rate),
    /** Bytes of a request's body. */
    MAX_BODY("max-body", Use.HTTP, Form.VALUE, PublicationOption::size),
    /** Seconds until the target must have begun its answer. */
    ANSWER_TIMEOUT("answer-timeout", Use.HTTP, Form.VALUE, value -> number("answer-timeout", value, 1, 3_600)),
    /** Who may ask, with a name and a password (RFC 7617): names and bcrypt hashes. */
    BASIC_AUTH("basic-auth", Use.HTTP, Form.LIST, PublicationOption::users),
    /** The version of the PROXY protocol that tells the target who connects. */
    PROXY_PROTOCOL("proxy-protocol", Use.TCP, Form.VALUE, PublicationOption::proxyProtocol),
    /** How it is seen whether the target is well: it can be connected to, or answers a GET of a path with 2xx or 3xx. */
    HEALTH("health", Use.TCP, Form.VALUE, PublicationOption::health),
    /** Seconds between two looks at the target. */
    HEALTH_INTERVAL("health-interval", Use.TCP, Form.VALUE, value -> number("health-interval", value, 1, 3_600)),
    /** Looks in a row that must fail until a target is taken for unwell. */
    HEALTH_FAILS("health-fails", Use.TCP, Form.VALUE, value -> number("health-fails", value, 1, 100)),
    /** Looks in a row that must succeed until it is taken for well again. */
    HEALTH_PASSES("health-passes", Use.TCP, Form.VALUE, value -> number("health-passes", value, 1, 100)),
    /** A cookie leads a browser to the same instance of the agent again. */
    AFFINITY("affinity", Use.HTTP, Form.FLAG, PublicationOption::flag);

    /** What HSTS is without a number: a year, the least that browsers' lists take. */
    static final long DEFAULT_HSTS = 31_536_000;

    /** Two years: more makes no difference, and a name is unusable without TLS for so long. */
    static final long MAX_HSTS = 63_072_000;

    /** Networks, or users, of one publication: more are a matter for a firewall or a directory. */
    static final int MAX_LIST = 64;

    /** Between the members of a list in the text form: no shell and no YAML means anything by it. */
    static final String LIST_SEPARATOR = "+";

    /** The costs at which a hash is worth having and checking it does not occupy a processor for seconds. */
    private static final Pattern USER =
            Pattern.compile("[A-Za-z0-9._@-]{1,64}:\\$2[aby]\\$(?:0[4-9]|1[0-2])\\$[./A-Za-z0-9]{53}");

    private static final Pattern RATE_FORM = Pattern.compile("([1-9][0-9]{0,5})/([sm])");
    private static final Pattern SIZE_FORM = Pattern.compile("([1-9][0-9]{0,9})([kKmMgG]?)");
    private static final Pattern PATH = Pattern.compile("/[A-Za-z0-9/._~%?=&-]{0,254}");

    /** For which publications an option is. */
    private enum Use {
        ANY,
        TCP,
        HTTP,
        HTTPS
    }

    private enum Form {
        FLAG,
        VALUE,
        LIST
    }

    private final String text;
    private final Use use;
    private final Form form;
    private final UnaryOperator<String> normalize;

    PublicationOption(String text, Use use, Form form, UnaryOperator<String> normalize) {
        this.text = text;
        this.use = use;
        this.form = form;
        this.normalize = normalize;
    }

    /** Whether its value is a list, whose members the text form joins by a plus sign. */
    public boolean isList() {
        return form == Form.LIST;
    }

    /** Whether its value shall not be shown to everybody. */
    boolean isSecret() {
        return this == BASIC_AUTH;
    }

    static List<String> names() {
        return Arrays.stream(values()).map(PublicationOption::toString).toList();
    }

    /**
     * Finds one by its name.
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    static PublicationOption of(String name) {
        for (PublicationOption option : values()) {
            if (option.text.equals(name)) {
                return option;
            }
        }
        throw new IllegalArgumentException(
                "there is no option '" + Printable.shorten(name) + "'; known: " + String.join(", ", names()));
    }

    /**
     * The one form of a value, empty for a flag; null when the value is the option's absence ({@code false}).
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    @Nullable
    String normalize(String value) {
        if ((form == Form.FLAG || this == HSTS) && value.equals("false")) {
            return null;
        }
        return normalize.apply(value);
    }

    /** Why it is not for a publication with such a target, with a cure; null when it is. */
    @Nullable
    String misplaced(Scheme scheme, Transport transport) {
        boolean http = scheme.isHttp();
        return switch (use) {
            case ANY -> null;
            case TCP ->
                transport == Transport.TCP
                        ? null
                        : "option '" + text + "' is for connections, and these are datagrams; leave it out";
            case HTTP, HTTPS ->
                !http
                        ? "option '" + text + "' is for HTTP, which the gateway does not read here;"
                                + " leave it out, or write http://"
                        : use == Use.HTTPS && scheme != Scheme.HTTPS
                                ? "option '" + text + "' is for https:// targets; leave it out, or write https://"
                                : null;
        };
    }

    /** As it is written. */
    @Override
    public String toString() {
        return text;
    }

    private static IllegalArgumentException wrong(String name, String value, String cure) {
        return new IllegalArgumentException("option '" + name + "' is '" + Printable.shorten(value) + "'" + cure);
    }

    private static String flag(String value) {
        if (value.isEmpty() || value.equals("true")) {
            return "";
        }
        throw new IllegalArgumentException("'" + Printable.shorten(value)
                + "' is no value for an option that is there or is not; write true, or leave it out");
    }

    /** A name, or a name or IPv4 address and a port; no more, because it goes into a header. */
    private static String authority(String value) {
        int colon = value.indexOf(':');
        String name = HostPattern.normalize(colon < 0 ? value : value.substring(0, colon));
        int port = colon < 0 ? 0 : ServiceTarget.port(value.substring(colon + 1));
        if (name == null || port < 0) {
            throw wrong("host", value, ", which is no host name; write host: app.internal, perhaps with a port");
        }
        return colon < 0 ? name : name + ":" + port;
    }

    private static String name(String value) {
        String name = HostPattern.normalize(value);
        if (name == null) {
            throw wrong("tls-name", value, ", which is no host name; write the one in the target's certificate");
        }
        return name;
    }

    private static String hsts(String value) {
        if (value.isEmpty() || value.equals("true")) {
            return Long.toString(DEFAULT_HSTS);
        }
        long seconds = digits(value);
        if (seconds < 1 || seconds > MAX_HSTS) {
            throw wrong("hsts", value, "; write seconds from 1 to " + MAX_HSTS + ", or nothing for " + DEFAULT_HSTS);
        }
        return Long.toString(seconds);
    }

    private static String number(String name, String value, long least, long most) {
        long number = digits(value);
        if (number < least || number > most) {
            throw wrong(name, value, "; write a number from " + least + " to " + most);
        }
        return Long.toString(number);
    }

    /** -1 when it is no number of at most nine digits. */
    private static long digits(String value) {
        boolean digits =
                !value.isEmpty() && value.length() <= 9 && value.chars().allMatch(c -> c >= '0' && c <= '9');
        return digits ? Long.parseLong(value) : -1;
    }

    private static String prefixes(String value) {
        return list("allow", value, "networks", member -> {
            try {
                return IpPrefix.parse(member).toString();
            } catch (IllegalArgumentException e) {
                throw wrong("allow", member, ", which is no network; write 192.0.2.0/24 or 2001:db8::/32");
            }
        });
    }

    private static String users(String value) {
        return list("basic-auth", value, "users", member -> {
            if (!USER.matcher(member).matches()) {
                // Not quoted: it might be a password.
                throw new IllegalArgumentException(
                        "option 'basic-auth' has a user without a usable hash; write NAME:HASH with a bcrypt hash"
                                + " of cost 4 to 12, as 'gateway publish hash' and 'htpasswd -nB' print it");
            }
            return member;
        });
    }

    private static String list(String name, String value, String what, UnaryOperator<String> member) {
        String[] parts = value.split("[+]", -1);
        if (parts.length > MAX_LIST) {
            throw new IllegalArgumentException(
                    "option '" + name + "' has " + parts.length + " " + what + ": at most " + MAX_LIST + " are kept");
        }
        Set<String> out = new LinkedHashSet<>();
        for (String part : parts) {
            out.add(member.apply(part.strip()));
        }
        return out.stream().collect(Collectors.joining(LIST_SEPARATOR));
    }

    private static String rate(String value) {
        if (!RATE_FORM.matcher(value).matches()) {
            throw wrong("rate", value, "; write so many in a second or minute for each address, like 50/s or 600/m");
        }
        return value;
    }

    private static String size(String value) {
        Matcher m = SIZE_FORM.matcher(value);
        if (!m.matches()) {
            throw wrong("max-body", value, "; write bytes, or thousands of them like 500k, 10M or 2G");
        }
        return m.group(1) + m.group(2).toLowerCase(Locale.ROOT);
    }

    private static String proxyProtocol(String value) {
        if (!value.equals("v1") && !value.equals("v2")) {
            throw wrong("proxy-protocol", value, "; write v1 or v2, which the target must expect");
        }
        return value;
    }

    private static String health(String value) {
        if (!value.equals("tcp") && !PATH.matcher(value).matches()) {
            throw wrong(
                    "health",
                    value,
                    "; write tcp, or the path of a page that is there when the target is well, like /healthz");
        }
        return value;
    }
}
