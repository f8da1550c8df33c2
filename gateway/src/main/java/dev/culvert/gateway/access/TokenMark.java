package dev.culvert.gateway.access;

import dev.culvert.token.ClientToken;
import dev.culvert.token.HolderName;
import dev.culvert.tunnel.frame.OpenRequest;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What tells a client's token from others, as far as what ends tokens goes by it. Agents keep it, unread, with the flows that the
 * token has opened, and ask with it about those that they hold: so a gateway needs to know of none.
 *
 * @param id the token's
 * @param issuedAt when it was made
 * @param keyId the key that signed it
 * @param name the client's
 */
public record TokenMark(String id, Instant issuedAt, String keyId, String name) {
    private static final Pattern SPACE = Pattern.compile(" ");
    private static final int PARTS = 4;

    public static TokenMark of(ClientToken token) {
        return new TokenMark(token.id(), token.issuedAt(), token.keyId(), token.name());
    }

    /** Null when it is too long to be told: then what its flows come to while they are held is not asked. */
    public @Nullable String text() {
        String text = id + ' ' + issuedAt.getEpochSecond() + ' ' + keyId + ' ' + name;
        return text.getBytes(StandardCharsets.UTF_8).length <= OpenRequest.MAX_HOLDER ? text : null;
    }

    /** Null when it is none: another version's perhaps. */
    static @Nullable TokenMark parse(String text) {
        String[] parts = SPACE.split(text, PARTS);
        if (parts.length != PARTS || !HolderName.isValid(parts[3])) {
            return null;
        }
        try {
            return new TokenMark(parts[0], Instant.ofEpochSecond(Long.parseLong(parts[1])), parts[2], parts[3]);
        } catch (NumberFormatException | DateTimeException e) {
            return null;
        }
    }
}
