package dev.culvert.token.issue;

import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.Route;
import dev.culvert.token.Token;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
            Subcommand.EXIT_CODES
        })
final class MintClientCommand extends Subcommand {
    /** Laptops are lost, and people leave. */
    private static final Duration USUAL_LIFE = Duration.ofDays(90);

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
            names = "--routes",
            split = ",",
            paramLabel = "PREFIX[=AGENT[:PREFIX]]",
            description = {
                "What the client routes into the tunnel unless client up says otherwise; repeatable.",
                "With a second prefix the first stands for it: 10.77.0.0/24=office:192.168.1.0/24. Clients and gateways"
                        + " before this version take no such token.",
                "Default: all that it may reach."
            })
    List<String> routes = new ArrayList<>();

    @Option(
            names = "--domains",
            split = ",",
            paramLabel = "NAME",
            description = {
                "Names at or below these belong to the networks behind the agents, like corp.example; repeatable.",
                "The client may have the agents' own name servers asked about them, and does so."
            })
    List<String> domains = new ArrayList<>();

    @Mixin
    QrCodeOption qr = new QrCodeOption();

    @Override
    public Integer call() throws Exception {
        return options.mint(
                this,
                Token.Kind.CLIENT,
                USUAL_LIFE,
                qr,
                terms -> new ClientToken(
                        terms,
                        allow.stream()
                                .flatMap(text -> Grant.parseList(text).stream())
                                .toList(),
                        routes.stream().map(text -> Route.parse(text.strip())).toList(),
                        domains.stream().map(String::strip).toList()));
    }
}
