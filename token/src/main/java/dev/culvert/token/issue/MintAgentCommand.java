package dev.culvert.token.issue;

import dev.culvert.address.IpPrefix;
import dev.culvert.token.AgentToken;
import dev.culvert.token.PublishRight;
import dev.culvert.token.Token;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code token agent}: mints the token of an agent. */
@Command(
        name = "agent",
        description = {
            "Makes a token for an agent: its name, the prefixes that it may serve, and what it may publish.",
            "Several processes may use one token; they share the work."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Examples:",
            "  token agent --name office --routes 192.168.77.0/24,fd77::/64 --out office.token",
            "  token agent --name office --routes 192.168.77.0/24 --publish shop.example --publish :2200-2299/tcp",
            Subcommand.EXIT_CODES
        })
final class MintAgentCommand extends Subcommand {
    /** Agents run unattended: nobody should have to renew them every few weeks. */
    private static final Duration USUAL_LIFE = Duration.ofDays(365);

    @Mixin
    MintOptions options = new MintOptions();

    @Option(
            names = "--routes",
            required = true,
            split = ",",
            paramLabel = "PREFIX",
            description = "Prefixes behind the agent, like 192.168.77.0/24,fd77::/64; repeatable.")
    List<String> routes = new ArrayList<>();

    @Option(
            names = "--publish",
            paramLabel = "RIGHT",
            description = {
                "Under what services behind the agent may be published at the gateway: a name like shop.example or",
                "*.apps.example, or ports like :2200-2299/tcp; repeatable. Default: nothing."
            })
    List<String> publish = new ArrayList<>();

    @Override
    public Integer call() throws Exception {
        return options.mint(
                this,
                Token.Kind.AGENT,
                USUAL_LIFE,
                null,
                terms -> new AgentToken(
                        terms,
                        routes.stream()
                                .map(text -> IpPrefix.parse(text.strip()))
                                .toList(),
                        publish.stream()
                                .map(text -> PublishRight.parse(text.strip()))
                                .toList()));
    }
}
