package dev.culvert.gateway.presence;

import dev.culvert.address.IpPrefix;
import java.net.InetAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A link of an agent that has announced itself. From any thread. */
public interface PresentAgent {
    /** The agent's. */
    String name();

    /** Whose lines of the log are about it. */
    String holderKey();

    /** Of its links the later has the higher number. */
    long number();

    /** Which of the agent's processes it is. */
    @Nullable
    String instance();

    /** Which of the gateways that the process knows this link is to, as it says: two of their URLs may lead here. */
    int attachment();

    /** Thumbprint of the key that its holder has proved; null for a bearer token. */
    @Nullable
    String key();

    /** What whoever has flows with it names it by: its process and its key, whatever link it has. */
    String answerer();

    /** Whether it says that the process which the answerer names has ended: one of its own name and key. */
    boolean replaces(String answerer);

    /** Prefixes that it announced and its token holds. */
    List<IpPrefix> routes();

    /** Domains that it announced, in their compared form: what is asked about them is for its own resolver. */
    List<String> domains();

    /** Whether it announced a prefix that holds the address. */
    boolean serves(InetAddress address);

    /** Whether flows with it can go on by another link. */
    boolean keepsFlows();

    /** Whether new flows may come to it: not when it finishes its own, has a newer link, or somebody works on it. */
    boolean takesFlows();

    /** Whether somebody works on it, who has said so. */
    boolean isDrained();

    /** From now on it is so, or not. */
    void drained(boolean now);

    /** Whether a newer link of its process has {@linkplain #supersede taken over}. */
    boolean isSuperseded();

    /** What it could not reach of late. */
    FailedDials failedDials();

    /** Flows on it. */
    int flowCount();

    /** Its process has a newer link: this one is dead, most likely, and nobody has noticed yet. */
    void supersede();
}
