package dev.culvert.client.proxy;

import dev.culvert.address.AddressText;
import dev.culvert.address.HostPattern;
import dev.culvert.address.ListenAddress;
import dev.culvert.client.forward.Connections;
import dev.culvert.client.forward.ForwardPorts;
import dev.culvert.client.forward.Service;
import dev.culvert.client.uplink.ClientCandidates;
import dev.culvert.client.uplink.JoinOptions;
import dev.culvert.client.uplink.LimitedVoice;
import dev.culvert.client.uplink.RouteOptions;
import dev.culvert.client.uplink.RunningUplink;
import dev.culvert.client.uplink.Uplink;
import dev.culvert.client.uplink.Voice;
import dev.culvert.command.LogOptions;
import dev.culvert.token.holder.HolderOptions;
import dev.culvert.token.holder.ProfileOption;
import dev.culvert.token.holder.SecretException;
import dev.culvert.token.holder.SecretSource;
import java.io.Closeable;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Collection;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code client proxy}. */
@Command(
        name = "proxy",
        description = {
            "Listens at one port of this machine for SOCKS5, SOCKS4a and HTTP, and leads to what is behind agents; runs until it is"
                    + " ended by Ctrl-C or SIGTERM.",
            "Needs no root and changes nothing on this machine. What no agent takes is refused. Browsers find their configuration at"
                    + " http://127.0.0.1:1080/proxy.pac."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class ProxyCommand implements Callable<Integer> {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(
            arity = "0..1",
            paramLabel = "[BIND:]PORT",
            defaultValue = "1080",
            description =
                    "Where to listen; BIND is an address of this machine, 127.0.0.1 by default. Default: ${DEFAULT-VALUE}.")
    String at = "1080";

    @Option(
            names = "--agent",
            paramLabel = "NAME",
            completionCandidates = ClientCandidates.Agents.class,
            description =
                    "What no route and no granted name leads to another agent goes through this one, which may refuse it. Default: it is"
                            + " refused.")
    @Nullable
    String agent;

    @Option(
            names = "--password-file",
            paramLabel = "FILE",
            description = "Whoever uses the proxy must show the USER:PASSWORD in this file's first line.")
    @Nullable
    String passwordFile;

    @Mixin
    RouteOptions routes = new RouteOptions();

    @Mixin
    LogOptions logs = new LogOptions();

    @Mixin
    HolderOptions options = new HolderOptions();

    @Mixin
    ProfileOption profile = new ProfileOption();

    @Mixin
    JoinOptions join = new JoinOptions();

    /** Used by picocli. */
    public ProxyCommand() {}

    @Override
    public Integer call() throws Exception {
        InetSocketAddress where;
        try {
            where = ListenAddress.parse(at);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        Credentials credentials = credentials();
        routes.typed();
        return Service.run(
                options,
                profile.name(),
                token -> routes.wanted(token, false),
                join,
                (running, voice) -> open(running, voice, where, credentials));
    }

    private @Nullable Credentials credentials() throws SecretException {
        if (passwordFile == null) {
            return null;
        }
        try {
            return Credentials.parse(new String(SecretSource.password(passwordFile)));
        } catch (IllegalArgumentException e) {
            throw new SecretException("password file " + passwordFile + ": " + e.getMessage());
        }
    }

    private Closeable open(
            RunningUplink running, Voice voice, InetSocketAddress where, @Nullable Credentials credentials)
            throws Exception {
        String fallback = agent;
        if (fallback != null) {
            try {
                running.requireAgent(fallback);
            } catch (IllegalArgumentException e) {
                throw new ParameterException(spec.commandLine(), "--agent: " + e.getMessage());
            }
        }
        Uplink uplink = running.uplink();
        Voice complaints = new LimitedVoice(voice, Service.LINES, Service.LINES_PER_SECOND, System::nanoTime);
        Connections connections = new Connections();
        ProxySettings settings = new ProxySettings(
                destinations(uplink, fallback),
                credentials,
                local -> configuration(local, uplink, fallback, running.names()),
                connections,
                complaints);
        ForwardPorts ports = new ForwardPorts(uplink, connections, complaints);
        try {
            SocketAddress bound = ports.open(where, connection -> ProxyFront.serve(connection, settings));
            voice.say("SOCKS and HTTP proxy at " + AddressText.of(bound) + ", configuration for browsers at http://"
                    + AddressText.of(bound) + HttpFront.CONFIGURATION);
            if (!where.getAddress().isLoopbackAddress() && credentials == null) {
                voice.say("whoever reaches " + AddressText.of(bound)
                        + " may go where this token lets you; a --password-file keeps others out");
            }
            return ports;
        } catch (Exception e) {
            ports.close();
            throw e;
        }
    }

    /** What browsers are told: before the gateway has said what there is, nothing, or all of that would be looked for past the tunnel. */
    static @Nullable String configuration(
            SocketAddress at, Uplink uplink, @Nullable String fallback, Collection<HostPattern> names) {
        return fallback == null && !uplink.isTold()
                ? null
                : AutoConfiguration.of(
                        at, fallback != null, uplink.routes().routes().keySet(), names);
    }

    private static Destinations destinations(Uplink uplink, @Nullable String fallback) {
        return (to, source, handler) -> fallback != null && uplink.isTold() && uplink.agentFor(to) == null
                ? uplink.open(fallback, to, source, handler)
                : uplink.open(to, source, handler);
    }
}
