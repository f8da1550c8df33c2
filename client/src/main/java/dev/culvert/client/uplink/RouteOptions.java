package dev.culvert.client.uplink;

import dev.culvert.token.ClientToken;
import dev.culvert.token.Route;
import dev.culvert.token.TokenGrants;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The option {@code --route}: which networks lead to agents, and under which addresses. */
public final class RouteOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--route",
            paramLabel = "CIDR[=AGENT[:CIDR]]",
            completionCandidates = ClientCandidates.Networks.class,
            description = {
                "Route only this network (repeatable). Default: the token's routes; without those all that the agents announce and the token grants, but the default route.",
                "With a second network the first stands for it: 10.77.0.0/24=office:192.168.1.0/24 shows the office's"
                        + " 192.168.1.5 as 10.77.0.5 here, where 192.168.1.0/24 is another's. Both must be of one size."
            })
    List<String> routes = new ArrayList<>();

    /**
     * What was typed.
     *
     * @throws ParameterException if some of it is no route, or one address would have two meanings
     */
    public List<Route> typed() {
        List<Route> list = new ArrayList<>();
        for (String text : routes) {
            for (String one : text.split(",")) {
                try {
                    list.add(Route.parse(one));
                } catch (IllegalArgumentException e) {
                    throw new ParameterException(spec.commandLine(), "--route " + one + ": " + e.getMessage());
                }
            }
        }
        try {
            Route.requireClear(list);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--route " + e.getMessage());
        }
        return list;
    }

    /**
     * What was typed, else what the token says. A slip of the fingers is told of at once, not when the gateway has been reached.
     *
     * @throws ParameterException as {@link #typed}, and if the token says nothing of an agent
     */
    public RouteTable.Wanted wanted(ClientToken token, boolean full) {
        List<Route> typed = typed();
        TokenGrants grants = TokenGrants.of(token);
        for (Route route : typed) {
            if (route.agent() != null && !grants.mentions(route.agent())) {
                throw new ParameterException(
                        spec.commandLine(),
                        "--route " + route + ": this token grants nothing through an agent '" + route.agent()
                                + "'; 'token show' says which agents it names");
            }
        }
        return new RouteTable.Wanted(typed.isEmpty() ? token.routes() : typed, !typed.isEmpty(), full);
    }
}
