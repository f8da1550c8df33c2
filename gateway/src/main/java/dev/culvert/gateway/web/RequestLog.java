package dev.culvert.gateway.web;

import java.time.Clock;

/** Who is told what became of requests. */
public interface RequestLog {
    /** The present, as it is to be told. */
    Clock clock();

    /** A request for something that is published has ended. On its event loop, which is not to be blocked. */
    void ended(RequestRecord request);
}
