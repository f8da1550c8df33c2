package dev.culvert.client.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.Finding;
import dev.culvert.token.GatewayUrls;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.tunnel.connect.GatewayTrial;
import dev.culvert.tunnel.connect.LinkConnector;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** Each gateway of the token, from its name to round trips over a link. */
final class GatewaysCheck implements Check {
    private final HolderOptions options;
    private final Callable<HolderOptions.Holder> source;

    /** @param source reads the token */
    GatewaysCheck(HolderOptions options, Callable<HolderOptions.Holder> source) {
        this.options = options;
        this.source = source;
    }

    @Override
    public String name() {
        return "gateways";
    }

    @Override
    public List<Finding> look() throws IOException {
        HolderOptions.Holder holder;
        try {
            holder = options.newest(source.call());
        } catch (Exception e) {
            return List.of(Finding.open(name(), "without a token nobody knows which they are"));
        }
        List<Finding> findings = new ArrayList<>();
        for (LinkConnector connector : LinkConnector.all(
                GatewayUrls.canonical(holder.token().gateways()),
                holder.pin(),
                holder.jwt(),
                options.existingKeys(holder.token()),
                options.proxies(holder))) {
            new GatewayTrial(
                            connector,
                            holder.pin(),
                            (step, outcome, what, cure) ->
                                    findings.add(new Finding(step, Finding.State.valueOf(outcome.name()), what, cure)))
                    .run();
        }
        return findings;
    }
}
