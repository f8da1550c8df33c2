package dev.culvert.tunnel.link;

import dev.culvert.text.Printable;
import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponse;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Date;
import org.jspecify.annotations.Nullable;

/** The gateway (or what stands at its address) answered the upgrade with something else. One line for people. */
public final class LinkRefusedException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Longest text of a gateway's that is shown (docs/protocol.md section 1). */
    private static final int MAX_TEXT = 300;

    /** Of two clocks: less is no reason to look at them. */
    public static final Duration CLOCK_SKEW = Duration.ofMinutes(10);

    private final int status;
    private final boolean permanent;

    /** @param permanent whether it is the gateway that said so, and of the token */
    public LinkRefusedException(int status, boolean permanent, String message) {
        super(message);
        this.status = status;
        this.permanent = permanent;
    }

    /** @param said the body, if it is text for people; else empty */
    static LinkRefusedException of(HttpResponse response, String said) {
        int status = response.status().code();
        boolean permanent = response.headers().contains(LinkUpgrade.REFUSAL)
                || LinkProof.nonceOf(response.headers().get(HttpHeaderNames.WWW_AUTHENTICATE)) != null;
        return new LinkRefusedException(
                status,
                permanent,
                words(status, said, response.headers().get(HttpHeaderNames.LOCATION))
                        + (permanent ? clocks(response.headers().get(HttpHeaderNames.DATE, ""), Instant.now()) : ""));
    }

    /** A token that has ended, or is not good yet, may be one whose holder's clock, or gateway's, is wrong. */
    static String clocks(String date, Instant now) {
        Date said = DateFormatter.parseHttpDate(date);
        return said == null || Duration.between(said.toInstant(), now).abs().compareTo(CLOCK_SKEW) <= 0
                ? ""
                : "; this machine's clock says " + now.truncatedTo(ChronoUnit.SECONDS) + " and the gateway's "
                        + said.toInstant() + ": one of them is wrong";
    }

    private static String words(int status, String said, @Nullable String location) {
        if (status == 404) {
            return "does not know this token (HTTP 404): was it made with this gateway's keys?"
                    + " Or a proxy is there, and the gateway behind it is not running";
        }
        if (status == 429) {
            return "takes no more attempts from this network for now (HTTP 429): too many wrong tokens have come from it";
        }
        if (!said.isEmpty() && said.length() <= MAX_TEXT) {
            return "refused: " + Printable.text(said);
        }
        String answered = "answered HTTP " + status + " to the WebSocket upgrade; ";
        if (status == 502 || status == 503 || status == 504) {
            return answered + "is a proxy in between, and the gateway behind it not running?";
        }
        if (status >= 300 && status < 400) {
            return answered + "does this network want you to log in first, with a browser"
                    + (location == null ? "" : ", at " + Printable.shorten(location)) + ", or is it another server?";
        }
        if (status == 511) {
            return answered + "this network wants you to log in first, with a browser";
        }
        if (status == 401 || status == 403 || status == 407) {
            return answered + "does a proxy in between want you to log in?";
        }
        return answered + "is a proxy in between, or another server?";
    }

    /** The HTTP status. */
    public int status() {
        return status;
    }

    /**
     * Whether it is a gateway's own word on this token, which stays until somebody changes something. What others say, a proxy
     * whose gateway is about to start, perhaps, does not.
     */
    public boolean isPermanent() {
        return permanent;
    }

    /** Whether it may be a gateway's word on this token, and is none on how busy it is: 404 is what strangers hear, too. */
    public boolean isOfToken() {
        return permanent || status == 404;
    }

    /** Whether it is the answer of somebody who does not know us: of a proxy, another server, or a gateway with other keys. */
    public boolean isStrange() {
        return !permanent && status < 500 && status != 429;
    }

    /** The same, said of whom it is. */
    public LinkRefusedException saidBy(String whom) {
        return new LinkRefusedException(status, permanent, whom + " " + getMessage());
    }
}
