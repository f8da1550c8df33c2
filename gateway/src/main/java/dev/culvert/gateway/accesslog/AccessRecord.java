package dev.culvert.gateway.accesslog;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One line of the access log: a request, a connection to a port or to a name that is passed through, or a sender of datagrams. Texts that
 * others chose are cut here, so that what waits for the disk is bounded, and escaped when they are written.
 *
 * @param time when it came
 * @param visitor address of who came
 * @param source the visitor's address and port, as the flow's line in the audit log has it; null for a request
 * @param user who has shown who it is; empty for nobody
 * @param method of HTTP; null for what is none
 * @param host to whom a request was addressed, as the visitor said it; null for what is none
 * @param target what was asked for: path and query, a name of TLS, or a port
 * @param protocol such as {@code HTTP/1.1}, TCP, TLS or UDP
 * @param status of HTTP, or what is nearest to it; 0 when there was no answer
 * @param bytesIn content from the visitor
 * @param bytesOut content to the visitor
 * @param life from then until it had ended
 * @param firstByte from then until an answer began; null when there was none, or that is not known
 * @param whole whether it ended in order
 * @param publication the public side, which names the file
 * @param agent through which the target is reached
 * @param requestId as the target was told; null when it was told nothing
 * @param clientLink with {@code flow} the flow that served it, as the audit log has it; null when none did
 * @param flow null for datagrams, which have no number, as well
 */
public record AccessRecord(
        Instant time,
        String visitor,
        @Nullable String source,
        String user,
        @Nullable String method,
        @Nullable String host,
        String target,
        String protocol,
        int status,
        long bytesIn,
        long bytesOut,
        Duration life,
        @Nullable Duration firstByte,
        boolean whole,
        String publication,
        String agent,
        @Nullable String referer,
        @Nullable String userAgent,
        @Nullable String requestId,
        @Nullable Long clientLink,
        @Nullable Long flow) {
    /** Characters of what was asked for, of Referer and of User-Agent. */
    static final int MAX_TEXT = 1_024;

    /** Characters of everything else. */
    static final int MAX_NAME = 256;

    /** Cuts what is too long. */
    public AccessRecord {
        user = cut(user, MAX_NAME);
        method = method == null ? null : cut(method, MAX_NAME);
        host = host == null ? null : cut(host, MAX_NAME);
        target = cut(target, MAX_TEXT);
        referer = referer == null ? null : cut(referer, MAX_TEXT);
        userAgent = userAgent == null ? null : cut(userAgent, MAX_TEXT);
        requestId = requestId == null ? null : cut(requestId, MAX_NAME);
    }

    private static String cut(String text, int max) {
        return text.length() <= max ? text : text.substring(0, max) + "...";
    }
}
