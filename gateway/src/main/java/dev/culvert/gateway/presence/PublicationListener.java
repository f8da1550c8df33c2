package dev.culvert.gateway.presence;

import java.util.List;

/** Hears what agents publish. From any thread. */
public interface PublicationListener {
    /**
     * An agent has said what it publishes, for the first time on its link or anew.
     *
     * @param publications in text form, as it says; empty for one that publishes nothing
     */
    void announced(PublishingAgent agent, List<String> publications);

    /** A link that has announced itself is down. */
    void gone(PublishingAgent agent);
}
