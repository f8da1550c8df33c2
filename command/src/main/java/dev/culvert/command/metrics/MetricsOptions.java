package dev.culvert.command.metrics;

import dev.culvert.address.AddressText;
import dev.culvert.address.ListenAddress;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Where a program that runs serves its metrics; as a picocli {@link Mixin}. */
public final class MetricsOptions {
    @Option(
            names = "--metrics",
            paramLabel = "[HOST:]PORT",
            converter = Address.class,
            description = {
                "Serve metrics for Prometheus there, by HTTP, at /metrics. Default: not at all;",
                "without HOST for this machine alone."
            })
    @Nullable
    InetSocketAddress metrics;

    /**
     * Serves them from now on, until it is closed; does nothing, and loads nothing, when nobody has asked for it.
     *
     * @param say gets a line that says where
     * @param warn gets a line when somebody should know: that others can read them, that they cannot be told
     * @throws IOException when they cannot be served there, with one line for people
     */
    public Closeable open(MetricsSource source, Consumer<String> say, Consumer<String> warn) throws IOException {
        InetSocketAddress at = metrics;
        if (at == null) {
            return () -> {};
        }
        MetricsServer server = MetricsServer.open(at, source, warn);
        String where = AddressText.of(server.address());
        say.accept("metrics are at http://" + where + MetricsRequests.PATH);
        if (!at.getAddress().isLoopbackAddress()) {
            warn.accept("whoever reaches " + where
                    + " may read the metrics: let a firewall keep others out, or serve them at" + " 127.0.0.1");
        }
        return server;
    }

    /** How people write it. */
    static final class Address implements CommandLine.ITypeConverter<InetSocketAddress> {
        /** Used by picocli. */
        Address() {}

        @Override
        public InetSocketAddress convert(String text) {
            try {
                return ListenAddress.parse(text);
            } catch (IllegalArgumentException e) {
                throw new CommandLine.TypeConversionException(String.valueOf(e.getMessage()));
            }
        }
    }
}
