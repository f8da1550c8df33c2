package dev.culvert.client.up;

import dev.culvert.client.join.Tally;
import dev.culvert.command.metrics.Histogram;
import dev.culvert.tunnel.frame.Destination;

/** Flows of this client, and of the programs that have joined it, for the status and whoever asks. Event loop only. */
final class FlowCounts implements Tally {
    int tcp;
    int udp;
    int echo;
    long refused;
    int programs;

    /** From an application's SYN until the far host was reached; goes on counting. */
    final Histogram openings = new Histogram();

    @Override
    public void programs(int change) {
        programs += change;
    }

    @Override
    public void flows(int protocol, int change) {
        switch (protocol) {
            case Destination.TCP -> tcp += change;
            case Destination.UDP -> udp += change;
            default -> echo += change;
        }
    }

    @Override
    public void refused() {
        refused++;
    }
}
