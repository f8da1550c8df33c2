package dev.culvert.gateway.dashboard;

import dev.culvert.address.AddressText;
import dev.culvert.address.ListenAddress;
import dev.culvert.command.control.Questions;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a gateway serves its dashboard; as a picocli {@link Mixin}. */
public final class DashboardOptions {
    /** What is asked on the control socket. */
    public static final String QUESTION = "dashboard";

    @Option(
            names = "--dashboard",
            paramLabel = "[HOST:]PORT",
            converter = Address.class,
            description = {
                "Serve the dashboard there, by HTTP: see 'gateway dashboard'. Default: not at all.",
                "For this machine alone, 127.0.0.1 or [::1]: others reach it with ssh -L or as something published."
            })
    @Nullable
    InetSocketAddress dashboard;

    @Option(
            names = "--dashboard-name",
            paramLabel = "NAME",
            description = "With --dashboard: a name under which it is published, with TLS. May be given several times.")
    List<String> names = List.of();

    /** Used by picocli. */
    public DashboardOptions() {}

    /**
     * Serves it from now on, until it is closed; does nothing, and loads nothing, when nobody has asked for it.
     *
     * @param questions by which links to it are asked for
     * @param say gets a line that says where
     * @param warn gets a line when something goes wrong
     * @throws IOException when it cannot be served there, with one line for people
     */
    public Closeable open(Sight sight, Questions questions, Consumer<String> say, Consumer<String> warn)
            throws IOException {
        InetSocketAddress at = dashboard;
        if (at == null) {
            questions.add(QUESTION, "that there is no dashboard", with -> {
                throw new IOException("this gateway serves no dashboard; start it with --dashboard 9465");
            });
            return () -> {};
        }
        Set<String> allowed = new TreeSet<>();
        names.forEach(name -> allowed.add(name.toLowerCase(Locale.ROOT)));
        Recent recent = new Recent();
        Dashboard server = new Dashboard(
                at,
                new HostCheck(Set.copyOf(allowed)),
                () -> {
                    Scene.Builder scene = sight.look();
                    recent.show(scene);
                    return scene;
                },
                warn,
                System::nanoTime);
        sight.status().services().audit().listen(recent);
        questions.add(QUESTION, "a link that signs in to the dashboard once", with -> link(server));
        say.accept("the dashboard is at http://" + AddressText.of(server.address())
                + "; sign in with 'gateway dashboard'");
        return server;
    }

    private Map<String, Object> link(Dashboard server) {
        String key = server.signIn().key(SignIn.Role.LOOK);
        String base = names.isEmpty() ? "http://" + AddressText.of(server.address()) : "https://" + names.get(0);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("url", base + "/#" + key);
        answer.put("role", SignIn.Role.LOOK.toString());
        answer.put("until", Instant.now().plus(SignIn.KEY_LIFE).truncatedTo(ChronoUnit.SECONDS));
        return answer;
    }

    /** How people write it. */
    static final class Address implements CommandLine.ITypeConverter<InetSocketAddress> {
        /** Used by picocli. */
        Address() {}

        @Override
        public InetSocketAddress convert(String text) {
            try {
                InetSocketAddress at = ListenAddress.parse(text);
                if (!at.getAddress().isLoopbackAddress()) {
                    throw new CommandLine.TypeConversionException(
                            "the dashboard has no TLS, so it is served at 127.0.0.1 or [::1] only: from elsewhere use ssh -L"
                                    + " or 'client forward', or publish it and say its name with --dashboard-name");
                }
                return at;
            } catch (IllegalArgumentException e) {
                throw new CommandLine.TypeConversionException(String.valueOf(e.getMessage()));
            }
        }
    }
}
