package dev.culvert.gateway.web;

import java.util.List;

/** The target's end of one connection, which reads by the letter and by nothing of Netty's, and answers as {@link RawVisitor} has it. */
public interface StrictServer {
    /** What the answer to each request names: the request's path. So it is seen whose it is. */
    String ANSWERS = "x-answers";

    /**
     * Takes what has come, and gives what is to be said.
     *
     * @throws AssertionError when it is anything that another server could take otherwise
     */
    byte[] hear(byte[] more);

    /** Requests that have come whole. */
    List<StrictRequests.Request> whole();

    /** Requests whose head has come. */
    int begun();

    /** One in HTTP/2, with prior knowledge, or in HTTP/1.1. */
    static StrictServer of(boolean speaksHttp2) {
        return speaksHttp2 ? new StrictHttp2Target() : new StrictTarget();
    }

    /** What is answered to whom an answer is given. */
    static String content(String path) {
        return path.startsWith(RawVisitor.LARGE) ? "x".repeat(RawVisitor.LARGE_BYTES) : RawVisitor.ANSWER;
    }
}
