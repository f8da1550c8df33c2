package dev.culvert.token.cli;

import dev.culvert.token.AgentToken;
import dev.culvert.token.IpPrefix;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code token agent}: mints the token of an agent. */
@Command(
        name = "agent",
        description = {
            "Makes a token for an agent: its name, and the prefixes that it may serve.",
            "Several processes may use one token; they share the work."
        },
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "Example: token agent --name office --routes 192.168.77.0/24,fd77::/64 --out office.token",
            "",
            "Exit codes: 0 done, 1 it failed, 2 wrong usage."
        })
final class AgentCommand implements Callable<Integer> {
    @ParentCommand
    @Nullable
    TokenCommand parent;

    @Spec
    @Nullable
    CommandSpec spec;

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
            names = "--expires",
            paramLabel = "TIME",
            converter = Lifetime.class,
            defaultValue = "365d",
            description = "How long the token is valid, like 12h or 90d. Default: ${DEFAULT-VALUE}.")
    Duration expires = Duration.ZERO;

    @Override
    public Integer call() throws Exception {
        TokenCommand root = Objects.requireNonNull(parent, "picocli sets the parent");
        return options.mint(
                Objects.requireNonNull(spec, "picocli sets the spec"),
                root.clock,
                expires,
                (gateway, pin, now, end) -> AgentToken.of(options.name, gateway, pin, now, end, prefixes()));
    }

    private List<IpPrefix> prefixes() {
        return routes.stream().map(text -> IpPrefix.parse(text.strip())).toList();
    }
}
