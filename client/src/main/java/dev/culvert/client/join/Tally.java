package dev.culvert.client.join;

/** Counts what comes of those who have joined, as the client's own. Event loop. */
public interface Tally {
    /** Of the programs that have joined there is one more, or with -1 one less. */
    void programs(int change);

    /**
     * Of the open flows of a protocol there is one more, or with -1 one less.
     *
     * @param protocol see {@link dev.culvert.tunnel.frame.Destination}
     */
    void flows(int protocol, int change);

    /** One was refused. */
    void refused();
}
