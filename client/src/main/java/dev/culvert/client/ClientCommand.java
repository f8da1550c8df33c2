package dev.culvert.client;

import dev.culvert.client.doctor.DoctorCommand;
import dev.culvert.client.doctor.ReportCommand;
import dev.culvert.client.forward.ConnectCommand;
import dev.culvert.client.forward.ForwardCommand;
import dev.culvert.client.ping.PingCommand;
import dev.culvert.client.proxy.ProxyCommand;
import dev.culvert.client.up.CaptureCommand;
import dev.culvert.client.up.ClientStatusCommand;
import dev.culvert.client.up.DownCommand;
import dev.culvert.client.up.UpCommand;
import dev.culvert.client.uplink.ClientCandidates;
import dev.culvert.client.uplink.ClientPlaces;
import dev.culvert.command.Completing;
import dev.culvert.command.Program;
import dev.culvert.command.Subcommands;
import dev.culvert.token.holder.HolderKeyCommand;
import dev.culvert.token.holder.HolderServiceCommand;
import dev.culvert.token.holder.HolderStateOption;
import dev.culvert.token.holder.LoginCommand;
import dev.culvert.token.holder.LogoutCommand;
import dev.culvert.token.holder.ProfileCandidates;
import dev.culvert.token.holder.ProfilesCommand;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code client} command. */
@Command(
        name = "client",
        description = "Brings this machine into the networks behind a gateway's agents.",
        mixinStandardHelpOptions = true,
        footerHeading =
                "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM.%n")
public final class ClientCommand implements Runnable, Completing, Subcommands {
    @Spec
    CommandSpec spec = CommandSpec.create();

    /** Used by picocli. */
    public ClientCommand() {}

    /** Runs the command and ends the process with its exit code. */
    public static void main(String[] args) {
        Program.main(new ClientCommand(), args);
    }

    static CommandLine commandLine() {
        return Program.commandLine(new ClientCommand());
    }

    @Override
    public List<Class<?>> subcommands() {
        return List.of(
                LoginCommand.class,
                UpCommand.class,
                ClientStatusCommand.class,
                ReachableCommand.class,
                PingCommand.class,
                DoctorCommand.class,
                ReportCommand.class,
                DownCommand.class,
                CaptureCommand.class,
                ConnectCommand.class,
                ForwardCommand.class,
                ProxyCommand.class,
                ProfilesCommand.class,
                LogoutCommand.class,
                HolderServiceCommand.class,
                HolderKeyCommand.class);
    }

    @Override
    public List<String> candidates(String kind) throws IOException {
        return kind.equals(ProfileCandidates.KIND)
                ? ProfileCandidates.of("client")
                : ClientCandidates.of(kind, ClientPlaces.controls(new HolderStateOption().path("client")));
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "say what to do: login, up, status, list, ping, doctor, report, down, capture, connect, forward, proxy, profiles, logout, service or key");
    }
}
