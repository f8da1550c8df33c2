package dev.culvert.token.cli;

import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
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

/** {@code token client}: mints the token of a client. */
@Command(
        name = "client",
        description = "Makes a token for a client: its name, and what it may reach. All else is denied.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "A GRANT is agent:target[:ports][/transport,...], where agent may be * and target is a prefix, a name or *.name:",
            "  office:192.168.77.0/24          all of that network, through agent office",
            "  office:192.168.77.2:443/tcp     one port of one host",
            "  office:[fd77::/64]:53/udp       IPv6 stands in brackets",
            "  office:*.corp.example:80,443    names below a domain, resolved by the agent",
            "Loopback, link-local, multicast and metadata addresses need a grant that names just them.",
            "",
            "Exit codes: 0 done, 1 it failed, 2 wrong usage."
        })
final class ClientCommand implements Callable<Integer> {
    @ParentCommand
    @Nullable
    TokenCommand parent;

    @Spec
    @Nullable
    CommandSpec spec;

    @Mixin
    MintOptions options = new MintOptions();

    @Option(
            names = "--allow",
            required = true,
            arity = "1..*",
            paramLabel = "GRANT",
            description = "What the client may reach; repeatable, several apart by commas or blanks.")
    List<String> allow = new ArrayList<>();

    @Option(
            names = "--expires",
            paramLabel = "TIME",
            converter = Lifetime.class,
            defaultValue = "90d",
            description = "How long the token is valid, like 12h or 90d. Default: ${DEFAULT-VALUE}.")
    Duration expires = Duration.ZERO;

    @Override
    public Integer call() throws Exception {
        TokenCommand root = Objects.requireNonNull(parent, "picocli sets the parent");
        return options.mint(
                Objects.requireNonNull(spec, "picocli sets the spec"),
                root.clock,
                expires,
                (gateway, pin, now, end) -> ClientToken.of(options.name, gateway, pin, now, end, grants()));
    }

    private List<Grant> grants() {
        return allow.stream().flatMap(text -> Grant.parseList(text).stream()).toList();
    }
}
