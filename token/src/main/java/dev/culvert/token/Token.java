package dev.culvert.token;

import dev.culvert.text.Printable;
import java.net.URI;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A statement of who its holder is and what it may do, in force from {@link #notBefore} until {@link #expires}. What all
 * kinds have in common are its {@link TokenTerms}.
 *
 * <p>Instants have a resolution of one second, as in the signed form (RFC 7519 section 2, NumericDate).
 */
public sealed interface Token permits ClientToken, AgentToken {
    /** The two kinds of token. Neither is ever accepted in the place of the other. */
    enum Kind {
        CLIENT("client", "culvert-client+jwt"),
        AGENT("agent", "culvert-agent+jwt");

        private final String text;
        private final String type;

        Kind(String text, String type) {
            this.text = text;
            this.type = type;
        }

        /** The {@code typ} header of the signed form (RFC 8725 section 3.11, explicit typing). */
        public String type() {
            return type;
        }

        /**
         * The kind of this name.
         *
         * @throws IllegalArgumentException if there is none
         */
        public static Kind of(String text) {
            for (Kind kind : values()) {
                if (kind.text.equals(text)) {
                    return kind;
                }
            }
            throw new IllegalArgumentException(
                    "'" + Printable.shorten(text) + "' is no kind of token: write client or agent");
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Which of the two this is. */
    Kind kind();

    /** What every token says. */
    TokenTerms terms();

    /** The same token on other terms. */
    Token withTerms(TokenTerms newTerms);

    /** {@link TokenTerms#id} */
    default String id() {
        return terms().id();
    }

    /** {@link TokenTerms#name} */
    default String name() {
        return terms().name();
    }

    /** {@link TokenTerms#gateways} */
    default List<URI> gateways() {
        return terms().gateways();
    }

    /** {@link TokenTerms#pin} */
    default @Nullable String pin() {
        return terms().pin();
    }

    /** {@link TokenTerms#issuedAt} */
    default Instant issuedAt() {
        return terms().issuedAt();
    }

    /** {@link TokenTerms#notBefore} */
    default Instant notBefore() {
        return terms().notBefore();
    }

    /** {@link TokenTerms#expires} */
    default Instant expires() {
        return terms().expires();
    }

    /** {@link TokenTerms#keyId} */
    default String keyId() {
        return terms().keyId();
    }

    /** {@link TokenTerms#binding} */
    default TokenBinding binding() {
        return terms().binding();
    }

    /** The same token tied to its holder in another way. */
    default Token withBinding(TokenBinding newBinding) {
        return withTerms(terms().withBinding(newBinding));
    }

    /** A new random {@link TokenTerms#id}: 128 bits, so that no two tokens ever share one. */
    static String newId() {
        byte[] random = new byte[16];
        String id;
        do {
            TokenFields.RANDOM.nextBytes(random);
            id = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
        } while (TokenFields.looksLikeOption(id));
        return id;
    }
}
