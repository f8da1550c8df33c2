package dev.culvert.policy.publication;

import dev.culvert.address.Transport;
import dev.culvert.policy.publication.PublicSide.Ports;
import dev.culvert.policy.publication.PublicSide.WebName;
import dev.culvert.policy.publication.ServiceTarget.Scheme;
import dev.culvert.text.Printable;
import java.util.List;

/**
 * A public name, or ports, of the gateway and the service behind an agent that is reached there.
 *
 * <p>Text form: {@code PUBLIC=TARGET}, then options apart by commas:
 * {@code app.example.com/api=http://192.168.77.10:8080,strip-prefix}, {@code tcp:2222=192.168.77.10:22}.
 *
 * @param at where it is found
 * @param to where it leads
 */
public record Publication(PublicSide at, ServiceTarget to, PublicationOptions options) {
    /** A name, a path, a target and options, with a certificate among them. */
    public static final int MAX_TEXT = 8_192;

    /** Publications of one agent: more names than one machine serves; a wildcard is one. */
    public static final int MAX_OF_AGENT = 256;

    private static final List<PublicationOption> HOW_HEALTHY =
            List.of(PublicationOption.HEALTH_INTERVAL, PublicationOption.HEALTH_FAILS, PublicationOption.HEALTH_PASSES);

    /**
     * Checks that the parts go together.
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    public Publication {
        Scheme scheme = to.scheme();
        if (at instanceof Ports ports) {
            if (scheme != Scheme.RAW) {
                throw new IllegalArgumentException("ports pass bytes on as they come; write the target "
                        + to.authority() + ", without " + scheme + "://");
            }
            if (to.port() + ports.last() - ports.first() > 65_535) {
                throw new IllegalArgumentException(
                        "the range of ports leads beyond 65535; the first leads to the target's, each next one to the next");
            }
        } else if (scheme == Scheme.RAW) {
            throw new IllegalArgumentException("a name needs to know what the target speaks; write http://"
                    + to.authority() + ", https://, h2c:// or tls://");
        }
        boolean path = at instanceof WebName name && !name.path().isEmpty();
        if (scheme == Scheme.TLS && path) {
            throw new IllegalArgumentException(
                    "what is passed through by tls:// is not read, so it has no path; leave it out");
        }
        for (PublicationOption option : options.set()) {
            String why = option.misplaced(scheme, transport(at));
            if (why != null) {
                throw new IllegalArgumentException(why);
            }
        }
        if (options.stripPrefix() && !path) {
            throw new IllegalArgumentException(
                    "option 'strip-prefix' has nothing to take away: the public side has no path; leave it out");
        }
        if (options.tlsInsecure()
                && (options.has(PublicationOption.TLS_CA) || options.has(PublicationOption.TLS_NAME))) {
            throw new IllegalArgumentException(
                    "option 'tls-insecure' checks nothing, and tls-ca and tls-name say what to check; leave one out");
        }
        if (options.proxyProtocol() != 0 && scheme == Scheme.H2C) {
            throw new IllegalArgumentException(
                    "option 'proxy-protocol' says who a connection is for, and one of h2c:// is for many; leave it out");
        }
        if (options.health() == null) {
            for (PublicationOption option : HOW_HEALTHY) {
                if (options.has(option)) {
                    throw new IllegalArgumentException(
                            "option '" + option
                                    + "' says how to look at the target, and nobody looks; write health=tcp or health=/path too");
                }
            }
        } else if (options.health().path() != null && !scheme.isHttp()) {
            throw new IllegalArgumentException(
                    "option 'health' asks for a page, and the gateway reads no HTTP here; write health=tcp");
        }
    }

    /**
     * Reads the text form.
     *
     * @throws IllegalArgumentException with cause and cure in one line
     */
    public static Publication parse(String text) {
        if (text.length() > MAX_TEXT) {
            throw new IllegalArgumentException(
                    "a publication has " + text.length() + " characters: at most " + MAX_TEXT + " are read");
        }
        int equals = text.indexOf('=');
        if (equals < 0) {
            throw new IllegalArgumentException("publication '" + Printable.shorten(text)
                    + "' leads nowhere; write PUBLIC=TARGET, such as app.example.com=http://192.168.77.10:8080");
        }
        try {
            String[] parts = text.substring(equals + 1).split(",", -1);
            PublicationOptions options = PublicationOptions.NONE;
            for (int i = 1; i < parts.length; i++) {
                int value = parts[i].indexOf('=');
                String name = value < 0 ? parts[i] : parts[i].substring(0, value);
                if (options.has(PublicationOption.of(name))) {
                    throw new IllegalArgumentException("option '" + name + "' is there twice; leave one out");
                }
                options = options.with(name, value < 0 ? "" : parts[i].substring(value + 1));
            }
            return new Publication(PublicSide.parse(text.substring(0, equals)), ServiceTarget.parse(parts[0]), options);
        } catch (IllegalArgumentException e) {
            // Without the options: among them are passwords' hashes, or somebody's password by mistake.
            int comma = text.indexOf(',');
            throw new IllegalArgumentException(
                    "publication '" + Printable.shorten(comma < 0 ? text : text.substring(0, comma)) + "': "
                            + e.getMessage(),
                    e);
        }
    }

    /** Whether TLS is passed through to the target, unread. */
    public boolean isPassedThrough() {
        return to.scheme() == Scheme.TLS;
    }

    /** Where a public port leads: a range goes on at the target as it does here. */
    public int targetPort(int publicPort) {
        return at instanceof Ports ports ? to.port() + publicPort - ports.first() : to.port();
    }

    /** What its flows are. */
    public Transport transport() {
        return transport(at);
    }

    private static Transport transport(PublicSide at) {
        return at instanceof Ports ports ? ports.transport() : Transport.TCP;
    }

    /** The text form for people: without hashes of passwords. */
    public String shown() {
        return at + "=" + to + options.shown();
    }

    /** The text form, which {@link #parse} reads back. Has hashes of passwords. */
    @Override
    public String toString() {
        return at + "=" + to + options;
    }
}
