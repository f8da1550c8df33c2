package dev.culvert.gateway.command;

import dev.culvert.command.service.ServiceCommand;
import dev.culvert.command.service.ServiceUnit;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code gateway service}. */
@Command(name = "service", subcommands = GatewayServiceCommand.Install.class)
final class GatewayServiceCommand extends ServiceCommand {
    /** {@code gateway service install}. */
    @Command(
            name = "install",
            description = {
                "Has systemd start the gateway now and at each boot, on the state in /var/lib/culvert.",
                "Its options go into /etc/culvert/gateway.conf, as OPTIONS=."
            },
            mixinStandardHelpOptions = true,
            footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
    static final class Install implements Callable<Integer> {
        @Spec
        CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            ServiceCommand.say(spec, ServiceUnit.of("gateway").install(null));
            return 0;
        }
    }
}
