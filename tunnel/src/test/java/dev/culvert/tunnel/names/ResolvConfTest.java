package dev.culvert.tunnel.names;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ResolvConfTest {
    @Test
    void resolvConfIsReadAsTheSystemReadsIt() {
        ResolvConf settings = ResolvConf.parse("""
                # made by something
                ; nameserver 9.9.9.9
                nameserver 192.168.77.1
                nameserver\tfd77::1
                nameserver 10.0.0.1 # and more
                nameserver dns.example
                nameserver fe80::1%nosuchif
                domain old.example
                search Corp.example. corp.example lan bad..name
                options ndots:2
                """);
        assertThat(settings.servers())
                .extracting(s -> s.getAddress().getHostAddress())
                .containsExactly("192.168.77.1", "fd77:0:0:0:0:0:0:1", "10.0.0.1");
        assertThat(settings.search()).containsExactly("corp.example", "lan");
        assertThat(ResolvConf.parse("")).isEqualTo(new ResolvConf(List.of(), List.of()));
    }
}
