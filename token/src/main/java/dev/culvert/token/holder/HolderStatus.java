package dev.culvert.token.holder;

import dev.culvert.command.control.Words;
import dev.culvert.token.Token;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What a running holder tells of its token, in answers to {@code status}; never the token itself.
 *
 * @param name the holder's
 * @param profile in which the token is kept; null when it was given
 * @param expires when it ends
 * @param endsSoon whether it is time to ask for another one
 */
public record HolderStatus(String name, @Nullable String profile, Instant expires, boolean endsSoon) {
    /**
     * Of a token.
     *
     * @param given what the program was started with
     * @param token as it is now: the gateway may have handed over another
     */
    public static HolderStatus of(HolderOptions.Holder given, Token token, Instant now) {
        return new HolderStatus(
                token.name(), given.profile(), token.expires(), token.terms().endsSoon(now));
    }

    /** For people. */
    public static String text(JsonNode token, Instant now) {
        Instant end = Words.time(token.path("expires"), now);
        return "of '" + token.path("name").asString("?") + "'"
                + (token.has("profile") ? ", profile '" + token.path("profile").asString("?") + "'" : "") + ", until "
                + end
                + (!now.isBefore(end)
                        ? " (it is OVER)"
                        : " (" + Words.span(now, end) + " left"
                                + (token.path("endsSoon").asBoolean(false) ? ": ask for another one)" : ")"));
    }
}
