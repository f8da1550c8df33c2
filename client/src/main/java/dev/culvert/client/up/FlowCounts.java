package dev.culvert.client.up;

/** Flows of this client, for the status line. Event loop only. */
final class FlowCounts {
    int tcp;
    int udp;
    int echo;
    long refused;
}
