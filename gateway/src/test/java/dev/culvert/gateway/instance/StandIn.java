package dev.culvert.gateway.instance;

import dev.culvert.address.IpPrefix;
import dev.culvert.gateway.presence.FailedDials;
import dev.culvert.gateway.presence.PresentAgent;
import dev.culvert.gateway.publish.Published;
import dev.culvert.policy.publication.Publication;
import java.net.InetAddress;
import java.util.List;

/** An instance of an agent, of which tests say how it is. */
final class StandIn implements PresentAgent {
    final String instance;
    int flows;
    boolean draining;

    StandIn(String instance) {
        this.instance = instance;
    }

    static Published published(String text) {
        return new Published("office", Publication.parse(text), false);
    }

    @Override
    public String name() {
        return "office";
    }

    @Override
    public String holderKey() {
        return "agent office";
    }

    @Override
    public long number() {
        return 1;
    }

    @Override
    public String instance() {
        return instance;
    }

    @Override
    public int attachment() {
        return 0;
    }

    @Override
    public String key() {
        return "k";
    }

    @Override
    public String answerer() {
        return instance + "/k";
    }

    @Override
    public boolean replaces(String answerer) {
        return false;
    }

    @Override
    public List<String> domains() {
        return List.of();
    }

    @Override
    public List<IpPrefix> routes() {
        return List.of();
    }

    @Override
    public boolean serves(InetAddress address) {
        return true;
    }

    @Override
    public boolean keepsFlows() {
        return true;
    }

    @Override
    public boolean takesFlows() {
        return !draining;
    }

    @Override
    public boolean isDrained() {
        return false;
    }

    @Override
    public void drained(boolean now) {}

    @Override
    public FailedDials failedDials() {
        return new FailedDials();
    }

    @Override
    public boolean isSuperseded() {
        return false;
    }

    @Override
    public int flowCount() {
        return flows;
    }

    @Override
    public void supersede() {}
}
