package dev.culvert.token;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.IpLiteral;
import dev.culvert.address.IpPrefix;
import dev.culvert.token.sign.TokenCodec;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.Revocations;
import java.net.InetAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;

/**
 * Whatever is thrown at the parsers, they answer or refuse, and what they accept they write and read back the same. In a
 * normal build this runs the corpus beside it; {@code JAZZER_FUZZ=1} searches.
 */
class ParserFuzzTest {
    @FuzzTest
    void prefix(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        InetAddress address = IpLiteral.parse(text);
        if (address != null && !address.equals(IpLiteral.parse(AddressText.of(address)))) {
            throw new AssertionError("literal changes: " + text);
        }
        try {
            IpPrefix prefix = IpPrefix.parse(text);
            if (!prefix.equals(IpPrefix.parse(prefix.toString())) || !prefix.contains(prefix.network())) {
                throw new AssertionError("prefix changes: " + text);
            }
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
    }

    @FuzzTest
    void grant(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        try {
            Grant grant = Grant.parse(text);
            if (!grant.equals(Grant.parse(grant.toString()))) {
                throw new AssertionError("grant changes: " + text);
            }
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
        try {
            for (Grant grant : Grant.parseList(text)) {
                Grant.parse(grant.toString());
            }
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
        String name = HostPattern.normalize(text);
        if (name != null && !name.equals(HostPattern.normalize(name))) {
            throw new AssertionError("name changes: " + text);
        }
        if (name != null && IpLiteral.parse(name) != null) {
            throw new AssertionError("a name that is an address: " + text);
        }
    }

    @FuzzTest
    void token(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        try {
            Token token = TokenReader.read(text);
            TokenCodec.encode(token);
        } catch (TokenException e) {
            oneLine(e);
        }
        try {
            // The data as claims under a good header, so that the search need not find base64 first.
            for (Token.Kind kind : Token.Kind.values()) {
                TokenCodec.decode(new TokenCodec.Parts(kind, "key", text, ""));
            }
        } catch (TokenException e) {
            oneLine(e);
        }
    }

    @FuzzTest
    void settings(byte[] data) {
        String text = new String(data, StandardCharsets.UTF_8);
        try {
            PublishRight right = PublishRight.parse(text);
            if (!right.equals(PublishRight.parse(right.toString()))) {
                throw new AssertionError("publish right changes: " + text);
            }
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
        try {
            Route route = Route.parse(text);
            if (!route.equals(Route.parse(route.toString()))) {
                throw new AssertionError("route changes: " + text);
            }
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
        try {
            URI url = GatewayUrls.canonical(URI.create(text));
            if (!url.equals(GatewayUrls.canonical(url))) {
                throw new AssertionError("URL changes: " + text);
            }
        } catch (IllegalArgumentException e) {
            // java.net.URI's own messages are not ours
            if (e.getMessage() != null && e.getMessage().startsWith("gateway URL")) {
                oneLine(e);
            }
        }
        try {
            Revocations.Entry entry = Revocations.Entry.of(JsonUtil.parseJson(text));
            if (!entry.equals(Revocations.Entry.of(JsonUtil.parseJson(JsonUtil.toJson(entry.fields()))))) {
                throw new AssertionError("revocation changes: " + text);
            }
        } catch (JoseException e) {
            // no JSON
        } catch (IllegalArgumentException e) {
            oneLine(e);
        }
    }

    private static void oneLine(Exception e) {
        String message = e.getMessage();
        if (message == null || message.indexOf('\n') >= 0 || message.length() > 1000) {
            throw new AssertionError("message is not one line: " + message, e);
        }
    }
}
