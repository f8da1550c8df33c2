package dev.culvert.client.forward;

import dev.culvert.client.uplink.ClientCandidates;
import dev.culvert.client.uplink.JoinOptions;
import dev.culvert.client.uplink.LimitedVoice;
import dev.culvert.client.uplink.RouteTable;
import dev.culvert.client.uplink.RunningUplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.LogOptions;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client forward}. */
@Command(
        name = "forward",
        description = {
            "Listens at ports and Unix sockets of this machine, each of which leads to a host and port behind an agent; runs until it"
                    + " is ended by Ctrl-C or SIGTERM.",
            "Needs no root and changes nothing on this machine."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        footerHeading = "%nFor example:%n",
        footer = {
            "  client forward 5432=office:192.168.77.10:5432 udp:5353=office:192.168.77.1:53",
            "  client forward unix:/run/user/1000/db=office:db.office.example:5432",
            "  client forward 0.0.0.0:8080=office:192.168.77.10:80     for other machines, too"
        })
public final class ForwardCommand implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "1..*",
            paramLabel = "LOCAL=[AGENT:]HOST:PORT",
            completionCandidates = ClientCandidates.Targets.class,
            description =
                    "LOCAL is [BIND:]PORT or udp:[BIND:]PORT, where BIND is an address of this machine, 127.0.0.1 by default; or unix:PATH,"
                            + " a socket that is made for you alone. HOST is an address, or a name that the agent resolves. Without AGENT"
                            + " through the one that serves it; with it an address is the one that it has there.")
    List<String> forwards = new ArrayList<>();

    @Mixin
    LogOptions logs = new LogOptions();

    @Mixin
    HolderOptions options = new HolderOptions();

    @Mixin
    ProfileOption profile = new ProfileOption();

    @Mixin
    JoinOptions join = new JoinOptions();

    /** Used by picocli. */
    public ForwardCommand() {}

    @Override
    public Integer call() throws Exception {
        List<Forward> all = new ArrayList<>();
        for (String text : forwards) {
            try {
                all.add(Forward.parse(text));
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
            }
        }
        return Service.run(options, profile.name(), RouteTable.Wanted::by, join, (running, voice) -> {
            for (Forward forward : all) {
                requireAgent(running, forward);
            }
            Voice complaints = new LimitedVoice(voice, Service.LINES, Service.LINES_PER_SECOND, System::nanoTime);
            ForwardPorts ports = new ForwardPorts(running.uplink(), new Connections(), complaints);
            try {
                for (Forward forward : all) {
                    voice.say(ports.open(forward));
                }
                return ports;
            } catch (Exception e) {
                ports.close();
                throw e;
            }
        });
    }

    private void requireAgent(RunningUplink running, Forward forward) {
        String agent = forward.target().agent();
        if (agent != null) {
            try {
                running.requireAgent(agent);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), agent + ": " + e.getMessage());
            }
        }
    }
}
