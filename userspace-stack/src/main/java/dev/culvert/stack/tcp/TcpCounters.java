package dev.culvert.stack.tcp;
/** What TCP has counted. Written by the event loop only, readable from every thread. */
public final class TcpCounters {
    TcpCounters() {}
}
