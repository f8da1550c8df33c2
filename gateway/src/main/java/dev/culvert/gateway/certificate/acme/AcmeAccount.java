package dev.culvert.gateway.certificate.acme;

import dev.culvert.store.StateException;
import java.io.IOException;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.security.KeyPair;
import java.time.Duration;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.shredzone.acme4j.AccountBuilder;
import org.shredzone.acme4j.Login;
import org.shredzone.acme4j.Metadata;
import org.shredzone.acme4j.Session;
import org.shredzone.acme4j.connector.NetworkSettings;
import org.shredzone.acme4j.exception.AcmeException;
import org.shredzone.acme4j.exception.AcmeServerException;
import org.shredzone.acme4j.provider.GenericAcmeProvider;

/** The account at one authority: found by its key, which is kept, or made when it is first needed. One thread's. */
final class AcmeAccount {
    /** What types of errors begin with. */
    static final String ERROR = "urn:ietf:params:acme:error:";

    /** An authority that is slower is away. */
    private static final Duration REQUEST = Duration.ofSeconds(30);

    private final AcmeSettings settings;
    private final AcmeSettings.Server server;
    private final AcmeStore store;
    private final @Nullable SSLContext tls;
    private @Nullable Login login;

    /** @param tls by which the server is trusted; null for the system's */
    AcmeAccount(AcmeSettings settings, AcmeSettings.Server server, AcmeStore store, @Nullable SSLContext tls) {
        this.settings = settings;
        this.server = server;
        this.store = store;
        this.tls = tls;
    }

    /** Whether the authority has said that there is one. */
    boolean isKnown() {
        return login != null;
    }

    /** The authority knows it no more. */
    void forget() {
        login = null;
    }

    /**
     * A session with it, which is begun, and the account made, at the first call. Blocks.
     *
     * @throws Refusal if no account can be made as it is set up
     */
    Login login() throws AcmeException, Refusal {
        Login known = login;
        if (known != null) {
            return known;
        }
        Session session = new Session(server.directory(), new Provider(tls));
        session.networkSettings().setTimeout(REQUEST);
        KeyPair key;
        try {
            key = store.accountKey(server.directory().toString());
        } catch (StateException e) {
            throw new Refusal(Refusal.Kind.ACCOUNT, String.valueOf(e.getMessage()), e);
        }
        Login made;
        try {
            made = new AccountBuilder().useKeyPair(key).onlyExisting().createLogin(session);
        } catch (AcmeServerException e) {
            if (!isOf(e, "accountDoesNotExist")) {
                throw e;
            }
            made = account(session.getMetadata(), key).createLogin(session);
        }
        login = made;
        return made;
    }

    private AccountBuilder account(Metadata metadata, KeyPair key) throws Refusal {
        AccountBuilder builder = new AccountBuilder().useKeyPair(key);
        if (settings.termsAccepted()) {
            builder.agreeToTermsOfService();
        } else if (metadata.getTermsOfService().isPresent()) {
            throw new Refusal(
                    Refusal.Kind.ACCOUNT,
                    "its terms of service are not accepted: read "
                            + metadata.getTermsOfService().get() + " and accept them with --acme-accept-terms",
                    null);
        }
        if (settings.contact() != null) {
            builder.addEmail(settings.contact());
        }
        if (server.eabKeyId() != null && server.eabKeyFile() != null) {
            try {
                builder.withKeyIdentifier(
                        server.eabKeyId(), Files.readString(server.eabKeyFile()).strip());
            } catch (IOException | IllegalArgumentException e) {
                throw new Refusal(
                        Refusal.Kind.ACCOUNT,
                        "the key in " + server.eabKeyFile() + " cannot be read: write it there in base64url, as the"
                                + " authority shows it",
                        e);
            }
        } else if (metadata.isExternalAccountRequired()) {
            throw new Refusal(
                    Refusal.Kind.ACCOUNT,
                    "it wants to know whose the account is: get a key there, and write --acme " + server.directory()
                            + ",eab=KEY-ID:FILE",
                    null);
        }
        return builder;
    }

    /** Whether an error is of a type of RFC 8555 section 6.7. */
    static boolean isOf(AcmeServerException e, String type) {
        return e.getType().toString().equals(ERROR + type);
    }

    /** An authority of any URL, trusted by what was given. */
    private static final class Provider extends GenericAcmeProvider {
        private final @Nullable SSLContext tls;

        Provider(@Nullable SSLContext tls) {
            this.tls = tls;
        }

        @Override
        public HttpClient createHttpClient(NetworkSettings network) {
            HttpClient.Builder builder = HttpClient.newBuilder()
                    .followRedirects(HttpClient.Redirect.NORMAL)
                    .connectTimeout(network.getTimeout());
            if (network.getProxySelector() != null) {
                builder.proxy(network.getProxySelector());
            }
            if (tls != null) {
                builder.sslContext(tls);
            }
            return builder.build();
        }
    }
}
