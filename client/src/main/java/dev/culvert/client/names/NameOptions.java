package dev.culvert.client.names;

import dev.culvert.token.TokenGrants;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of {@code client up} about names. */
public final class NameOptions {
    @Spec(Spec.Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--domain",
            paramLabel = "DOMAIN[=AGENT]",
            description = {
                "Have names in this domain resolved where the agent is, by its own name servers: corp.example=office;",
                "repeatable, or separated by commas. Beside the domains that the token names."
            })
    List<String> domains = new ArrayList<>();

    @Option(
            names = "--keep-resolver",
            description =
                    "Leave this machine's resolver as it is: names of the domains are answered by the interface's name server to who asks that.")
    boolean keepResolver;

    /** Whether this machine's resolver is none of ours. */
    public boolean keepsResolver() {
        return keepResolver;
    }

    /**
     * What is to be asked through the tunnel.
     *
     * @param token the domains of the client's token
     * @param full whether all names are
     * @throws ParameterException for a domain that is none, or an agent that is none of the token's
     */
    public WantedDomains wanted(List<String> token, TokenGrants grants, boolean full) {
        List<Domain> typed = new ArrayList<>();
        for (String text : domains) {
            for (String one : text.split(",")) {
                typed.add(parse(one, grants));
            }
        }
        return new WantedDomains(typed, token, full);
    }

    private Domain parse(String text, TokenGrants grants) {
        Domain domain;
        try {
            domain = Domain.parse(text);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--domain " + e.getMessage());
        }
        if (domain.agent() != null && !grants.mentions(domain.agent())) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--domain " + domain + ": this token grants nothing through an agent '" + domain.agent()
                            + "'; 'token show' says which agents it names");
        }
        return domain;
    }
}
