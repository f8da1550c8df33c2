package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.client.names.AnswerFilter;
import dev.culvert.client.names.NameService;
import dev.culvert.client.names.WantedDomains;
import dev.culvert.client.uplink.LinkedUplink;
import dev.culvert.tun.resolver.HostResolver;
import dev.culvert.tun.resolver.ResolverConfig;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.junit.jupiter.api.Test;

final class HostNamesTest {
    /** Takes two domains. */
    private static final class Small implements HostResolver {
        private int left;

        @Override
        public String name() {
            return "small";
        }

        @Override
        public Outcome keep(ResolverConfig config) {
            left = config.domains().size() - 2;
            return new Outcome(true, false, "");
        }

        @Override
        public String caveat() {
            return left > 0 ? left + " too many" : "";
        }

        @Override
        public Duration lookEach() {
            return Duration.ofHours(1);
        }

        @Override
        public void release() {}
    }

    @Test
    void whatTheResolverCannotDoIsSaidOnceUntilItIsOtherwise() throws Exception {
        List<String> said = new CopyOnWriteArrayList<>();
        LinkedUplink net = new LinkedUplink();
        ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor();
        try {
            List<InetAddress> servers = List.of(InetAddress.getByName("100.127.255.53"));
            NameService service = new NameService(
                    new NameService.ServiceAddresses(servers.get(0), InetAddress.getByName("fd63:756c:7665:7274::53")),
                    new WantedDomains(List.of(), List.of(), false),
                    net.uplink,
                    AnswerFilter.NONE,
                    said::add);
            HostNames names = new HostNames(Small::new, "culvert0", servers, service, said::add, thread);
            names.asked(domains("a.example", "b.example"));
            names.asked(domains("a.example", "b.example", "c.example"));
            names.asked(domains("d.example", "e.example", "f.example"));
            names.asked(domains("a.example"));
            names.asked(domains("a.example", "b.example", "c.example"));
            thread.submit(() -> {}).get(); // all that was before
            assertThat(said).containsExactly("names are asked for through small", "1 too many", "1 too many");
        } finally {
            thread.shutdownNow();
            net.close();
        }
    }

    private static NameService.Asked domains(String... domains) {
        return new NameService.Asked(List.of(domains), List.of(), false);
    }
}
