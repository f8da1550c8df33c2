package dev.culvert.gateway.status;

import dev.culvert.gateway.access.PolicyStatus;
import dev.culvert.gateway.certificate.CertificateState;
import dev.culvert.gateway.publish.PublicationAnswers;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code status}; docs/operations.md describes it. Members may be added, and what is null is left out.
 *
 * @param since when it began to listen
 * @param now by its clock
 * @param tls whether it ends TLS itself
 * @param urls what new tokens say
 * @param certificate of its own authority, that holders of tokens with a pin are shown; null without TLS
 * @param certificates of published names, and of its own public ones
 * @param publications in force or not, with the instances behind them and how the target is through each
 * @param store that several gateways share; null when this one's is a directory
 * @param clients by name, each once with all its links
 * @param cluster the gateways of its store, and what is attached to which; null where that is one's alone
 * @param flows open now
 * @param strangers connections that are no links (yet)
 * @param counters since it was started
 */
public record GatewayStatus(
        String version,
        long pid,
        Instant since,
        Instant now,
        String listen,
        boolean tls,
        String state,
        List<String> urls,
        @Nullable Certificate certificate,
        List<CertificateState> certificates,
        List<PublicationAnswers.One> publications,
        PolicyStatus policy,
        @Nullable StoreState store,
        List<Agent> agents,
        List<Client> clients,
        @Nullable ClusterStatus cluster,
        long flows,
        int strangers,
        Memory memory,
        Map<String, Long> counters) {
    /** The state of an instance that takes new flows. */
    static final String UP = "up";

    /**
     * What is shown to whom connects.
     *
     * @param sha256 of the certificate, in hexadecimal digits
     */
    public record Certificate(List<String> names, Instant from, Instant until, String sha256) {}

    public record Agent(String name, List<Instance> instances) {}

    /**
     * A process that serves an agent's name, over one link.
     *
     * @param instance what it calls itself; null until it has said it
     * @param state up, draining, superseded (has a newer link) or silent (has not announced itself)
     * @param routes how many
     */
    public record Instance(
            @Nullable String instance,
            String state,
            @Nullable Integer routes,
            OneLink link) {}

    public record Client(String name, List<OneLink> links) {}

    /**
     * A link.
     *
     * @param link its number; the audit log has it too
     * @param expires when its token does
     * @param expiresSoon whether that is near for one of its life
     * @param received payload bytes from its peer
     * @param sent to it
     */
    public record OneLink(
            long link,
            String from,
            Instant since,
            int protocol,
            @Nullable Double roundTripMillis,
            int flows,
            long received,
            long sent,
            @Nullable Instant expires,
            boolean expiresSoon) {}

    /** In bytes. {@code backlog} is what waits for peers. */
    public record Memory(long heap, long heapMax, long buffers, long buffersMax, long backlog) {}
}
