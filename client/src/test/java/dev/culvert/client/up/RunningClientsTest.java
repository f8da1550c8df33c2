package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunningClientsTest {
    @TempDir
    Path proc;

    @BeforeEach
    void self() throws IOException {
        process("self", "net:[1]");
        interfaces("lo", "culvert0");
    }

    private void interfaces(String... names) throws IOException {
        StringBuilder text = new StringBuilder("Inter-|   Receive\n face |bytes\n");
        for (String name : names) {
            text.append("  ").append(name).append(": 0 0\n");
        }
        Path net = Files.createDirectories(proc.resolve("self/net"));
        Files.writeString(net.resolve("dev"), text);
    }

    /** @param namespace null when it is not for us to see */
    private void process(String id, @org.jspecify.annotations.Nullable String namespace, String... line)
            throws IOException {
        Path ns = Files.createDirectories(proc.resolve(id).resolve("ns"));
        if (namespace != null) {
            Files.createSymbolicLink(ns.resolve("net"), Path.of(namespace));
        }
        Files.writeString(proc.resolve(id).resolve("cmdline"), String.join("\0", line));
    }

    private static final String MAIN = "dev.culvert.client.ClientCommand";

    @Test
    void othersAreNone() throws IOException {
        process("1", "net:[1]", "init");
        process("2", "net:[1]", "java", MAIN, "list");
        process("3", "net:[2]", "java", MAIN, "up");
        process("4", "net:[1]");
        assertThat(new RunningClients(proc, MAIN).find()).isEmpty();
    }

    @Test
    void oneWithAnotherStateIsFound() throws IOException {
        process("77", "net:[1]", "java", "-cp", "x", MAIN, "up", "--state", "/other");
        assertThat(new RunningClients(proc, MAIN).find()).containsExactly(77L);
    }

    @Test
    void oneOfRootsIsKnownByItsInterface() throws IOException {
        process("77", null, "java", "-cp", "x", MAIN, "up", "--tun", "vpn");
        assertThat(new RunningClients(proc, MAIN).find()).isEmpty();
        interfaces("lo", "vpn");
        assertThat(new RunningClients(proc, MAIN).find()).containsExactly(77L);
        process("70", null, "java", "-cp", "x", MAIN, "up");
        interfaces("lo", "eth0", "culvert3");
        assertThat(new RunningClients(proc, MAIN).find()).containsExactly(70L);
        interfaces("lo", "culvert-bridge");
        assertThat(new RunningClients(proc, MAIN).find()).isEmpty();
    }

    /** Roots' clients of other namespaces look as the one that is here: each is named, of the many some. */
    @Test
    void thoseThatCannotBeToldApartAreAllNamed() throws IOException {
        process("9", null, "java", MAIN, "up");
        process("77", null, "java", MAIN, "up");
        process("8", "net:[2]", "java", MAIN, "up");
        RunningClients clients = new RunningClients(proc, MAIN);
        assertThat(clients.find()).containsExactly(9L, 77L);
        for (int i = 100; i < 120; i++) {
            process(Integer.toString(i), null, "java", MAIN, "up");
        }
        assertThat(clients.find()).hasSize(8).startsWith(9L, 77L);
    }

    /** A journal may name any process; only a client is told to end. */
    @Test
    void aProcessIsAClientByWhatItRuns() throws IOException {
        process("70", "net:[2]", "java", "-cp", "x", MAIN, "up");
        process("71", "net:[1]", "sshd", "-D");
        process("72", "net:[1]", "sh", "-c", "echo " + MAIN + " up");
        RunningClients clients = new RunningClients(proc, MAIN);
        assertThat(clients.isClient(70)).isTrue();
        assertThat(clients.isClient(71)).isFalse();
        assertThat(clients.isClient(72)).isFalse();
        assertThat(clients.isClient(73)).isFalse();
    }
}
