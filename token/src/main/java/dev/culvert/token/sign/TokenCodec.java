package dev.culvert.token.sign;

import dev.culvert.address.IpPrefix;
import dev.culvert.text.Printable;
import dev.culvert.token.AgentToken;
import dev.culvert.token.ClientToken;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.Grant;
import dev.culvert.token.PublishRight;
import dev.culvert.token.Route;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.TokenException;
import dev.culvert.token.TokenException.Cause;
import dev.culvert.token.TokenFields;
import dev.culvert.token.TokenTerms;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.jose4j.json.JsonUtil;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.lang.JoseException;
import org.jspecify.annotations.Nullable;

/**
 * The signed form of tokens, without the signature: which headers and claims there are and what they may hold.
 *
 * <p>Header: {@code alg} = EdDSA, {@code typ} by kind, {@code kid}. Claims: {@code jti sub aud iat nbf exp gateways}, and
 * {@code pin}, {@code enrol} and {@code cnf} where there is one (see {@link TokenBinding}); {@code grants} and perhaps {@code routes} and {@code domains} for clients, {@code routes}
 * and perhaps {@code publish} for agents. Nothing else is accepted, neither header (RFC 7515 section 4.1.11, {@code crit})
 * nor claim: what a later version understands as a restriction must not be skipped by this one.
 */
public final class TokenCodec {
    /** The longest token accepted, in characters; so that it fits the 16 KiB of header that HTTP servers commonly take. */
    public static final int MAX_LENGTH = 16 * 1024;

    /** RFC 8037 section 3.1; keys are Ed25519 only, see {@link VerificationKey}. */
    static final String ALGORITHM = AlgorithmIdentifiers.EDDSA;

    private static final Set<String> HEADERS = Set.of("alg", "typ", "kid");
    private static final Set<String> SHARED_CLAIMS =
            Set.of("jti", "sub", "aud", "iat", "nbf", "exp", "gateways", "pin", "enrol", "cnf");
    private static final Map<Token.Kind, Set<String>> OWN_CLAIMS = Map.of(
            Token.Kind.CLIENT, Set.of("grants", "routes", "domains"),
            Token.Kind.AGENT, Set.of("routes", "publish"));

    private TokenCodec() {}

    /** A token taken apart, of which nothing has been verified. */
    public record Parts(Token.Kind kind, String keyId, String payload, String jwt) {
        /** What the signature is over (RFC 7515 section 5.2). */
        byte[] signedBytes() {
            return jwt.substring(0, jwt.lastIndexOf('.')).getBytes(StandardCharsets.US_ASCII);
        }

        byte[] signature() {
            return Base64.getUrlDecoder().decode(jwt.substring(jwt.lastIndexOf('.') + 1));
        }
    }

    public static String encode(Token token) {
        Map<String, Object> claims = new LinkedHashMap<>();
        claims.put("jti", token.id());
        claims.put("sub", token.name());
        claims.put("aud", Grant.texts(token.terms().audience()));
        claims.put("iat", token.issuedAt().getEpochSecond());
        claims.put("nbf", token.notBefore().getEpochSecond());
        claims.put("exp", token.expires().getEpochSecond());
        claims.put("gateways", Grant.texts(token.gateways()));
        String pin = token.pin();
        if (pin != null) {
            claims.put("pin", pin);
        }
        if (token.binding() instanceof TokenBinding.Enrolment enrolment) {
            claims.put("enrol", enrolment.before().getEpochSecond());
        } else if (token.binding() instanceof TokenBinding.Key key) {
            claims.put("cnf", Map.of("jkt", key.thumbprint()));
        }
        if (token instanceof ClientToken client) {
            claims.put("grants", Grant.texts(client.grants()));
            optional(claims, "routes", client.routes());
            optional(claims, "domains", client.domains());
        } else if (token instanceof AgentToken agent) {
            claims.put("routes", Grant.texts(agent.routes()));
            optional(claims, "publish", agent.publish());
        }
        return JsonUtil.toJson(claims);
    }

    private static void optional(Map<String, Object> claims, String name, List<?> values) {
        if (!values.isEmpty()) {
            claims.put(name, Grant.texts(values));
        }
    }

    /** Takes a JWT apart and checks its header, but neither signature nor claims. */
    static Parts split(String jwt) throws TokenException {
        if (jwt.length() > MAX_LENGTH) {
            throw malformed("has " + jwt.length() + " characters, more than " + MAX_LENGTH);
        }
        int first = jwt.indexOf('.');
        int second = jwt.indexOf('.', first + 1);
        if (first < 0 || second < 0 || jwt.indexOf('.', second + 1) >= 0) {
            throw malformed("does not have three parts apart by dots");
        }
        Map<String, Object> header = json(text(jwt.substring(0, first)), "header");
        String payload = text(jwt.substring(first + 1, second));
        decode(jwt.substring(second + 1)); // its form only
        Object algorithm = header.get("alg");
        if (!ALGORITHM.equals(algorithm)) {
            throw new TokenException(
                    Cause.BAD_ALGORITHM,
                    "token is signed with '" + Printable.shorten(String.valueOf(algorithm))
                            + "', only EdDSA is accepted: get a new one from token client or token agent");
        }
        if (!HEADERS.equals(header.keySet())) {
            throw malformed("has other headers than alg, typ and kid");
        }
        // Key ids end up in logs and on terminals before anything is verified: only harmless characters pass.
        if (!(header.get("kid") instanceof String keyId) || !TokenFields.isId(keyId)) {
            throw malformed("has a key id that is not 1 to 64 of A-Z, a-z, 0-9, '-' and '_'");
        }
        for (Token.Kind kind : Token.Kind.values()) {
            if (kind.type().equals(header.get("typ"))) {
                return new Parts(kind, keyId, payload, jwt);
            }
        }
        throw new TokenException(
                Cause.WRONG_KIND,
                "token has type '" + Printable.shorten(String.valueOf(header.get("typ"))) + "', which is neither "
                        + Token.Kind.CLIENT.type() + " nor " + Token.Kind.AGENT.type()
                        + ": give a token made by token client or token agent");
    }

    private static String text(String part) throws TokenException {
        return new String(decode(part), StandardCharsets.UTF_8);
    }

    /** Strict base64url (RFC 7515 section 2), so that one token has one text. */
    private static byte[] decode(String part) throws TokenException {
        try {
            byte[] bytes = Base64.getUrlDecoder().decode(part);
            if (bytes.length > 0
                    && Base64.getUrlEncoder()
                            .withoutPadding()
                            .encodeToString(bytes)
                            .equals(part)) {
                return bytes;
            }
        } catch (IllegalArgumentException e) {
            throw malformed("has a part that is not base64url", e);
        }
        throw malformed("has a part that is not canonical base64url without padding");
    }

    private static Map<String, Object> json(String text, String what) throws TokenException {
        try {
            return JsonUtil.parseJson(text);
        } catch (JoseException | RuntimeException e) {
            throw malformed("has a " + what + " that is not a JSON object", e);
        }
    }

    /** Reads the claims of a token that was taken apart. */
    public static Token decode(Parts parts) throws TokenException {
        Map<String, Object> claims = json(parts.payload(), "payload");
        for (String name : claims.keySet()) {
            if (!SHARED_CLAIMS.contains(name)
                    && !Objects.requireNonNull(OWN_CLAIMS.get(parts.kind())).contains(name)) {
                throw invalid(
                        "claim '" + Printable.shorten(name) + "' is unknown in a " + parts.kind() + " token", null);
            }
        }
        try {
            TokenTerms terms = new TokenTerms(
                    text(claims, "jti"),
                    text(claims, "sub"),
                    entries(claims, "aud", TokenCodec::url),
                    entries(claims, "gateways", TokenCodec::url),
                    claims.containsKey("pin") ? text(claims, "pin") : null,
                    time(claims, "iat"),
                    time(claims, "nbf"),
                    time(claims, "exp"),
                    parts.keyId(),
                    binding(claims));
            return parts.kind() == Token.Kind.CLIENT
                    ? new ClientToken(
                            terms,
                            entries(claims, "grants", Grant::parse),
                            optional(claims, "routes", Route::parse),
                            optional(claims, "domains", Function.identity()))
                    : new AgentToken(
                            terms,
                            entries(claims, "routes", IpPrefix::parse),
                            optional(claims, "publish", PublishRight::parse));
        } catch (IllegalArgumentException e) {
            throw invalid(String.valueOf(e.getMessage()), e);
        }
    }

    private static TokenBinding binding(Map<String, Object> claims) throws TokenException {
        boolean enrol = claims.containsKey("enrol");
        if (!claims.containsKey("cnf")) {
            return enrol ? new TokenBinding.Enrolment(time(claims, "enrol")) : TokenBinding.BEARER;
        }
        if (enrol) {
            throw invalid("it has both claims 'enrol' and 'cnf'", null);
        }
        // RFC 7800 section 3.1: one confirmation; one that is not understood must not be skipped.
        if (claims.get("cnf") instanceof Map<?, ?> cnf && cnf.size() == 1 && cnf.get("jkt") instanceof String jkt) {
            return new TokenBinding.Key(jkt);
        }
        throw invalid("claim 'cnf' is not an object with the one member 'jkt'", null);
    }

    private static URI url(String text) {
        try {
            return GatewayUrls.require(new URI(text));
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("'" + Printable.shorten(text) + "' is not a URL", e);
        }
    }

    private static String text(Map<String, Object> claims, String name) throws TokenException {
        if (claims.get(name) instanceof String text) {
            return text;
        }
        throw invalid("claim '" + name + "' is missing or not text", null);
    }

    private static Instant time(Map<String, Object> claims, String name) throws TokenException {
        // Big integers and fractions arrive as other classes and are refused with everything else.
        if (claims.get(name) instanceof Long seconds && seconds >= 0 && seconds <= TokenFields.MAX_TIME) {
            return Instant.ofEpochSecond(seconds);
        }
        throw invalid("claim '" + name + "' is missing or not a time in whole seconds", null);
    }

    private static <T> List<T> optional(Map<String, Object> claims, String name, Function<String, T> parse)
            throws TokenException {
        return claims.containsKey(name) ? entries(claims, name, parse) : List.of();
    }

    private static <T> List<T> entries(Map<String, Object> claims, String name, Function<String, T> parse)
            throws TokenException {
        if (!(claims.get(name) instanceof List<?> values)) {
            throw invalid("claim '" + name + "' is missing or not a list", null);
        }
        TokenFields.count(name, values.size());
        List<T> out = new ArrayList<>(values.size());
        for (Object value : values) {
            if (!(value instanceof String text)) {
                throw invalid("claim '" + name + "' holds something that is not text", null);
            }
            out.add(parse.apply(text));
        }
        return out;
    }

    private static TokenException malformed(String what) {
        return malformed(what, null);
    }

    private static TokenException malformed(String what, @Nullable Throwable cause) {
        String message = "token " + what + ": give the whole text that token client or token agent printed";
        return cause == null
                ? new TokenException(Cause.MALFORMED, message)
                : new TokenException(Cause.MALFORMED, message, cause);
    }

    private static TokenException invalid(String what, @Nullable Throwable cause) {
        String message = "token is refused: " + what + "; get a new one from token client or token agent";
        return cause == null
                ? new TokenException(Cause.INVALID_CLAIMS, message)
                : new TokenException(Cause.INVALID_CLAIMS, message, cause);
    }
}
