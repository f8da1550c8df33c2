package dev.culvert.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class ClientJournalTest {
    @Test
    void aDirectoryThatWasNamedIsUsed() {
        assertThat(ClientJournal.path(Path.of("/x"), Map.of())).hasParentRaw(Path.of("/x"));
    }

    @Test
    void thereIsOneFileForEachNetworkNamespace() throws Exception {
        String own = java.nio.file.Files.readSymbolicLink(Path.of("/proc/self/ns/net"))
                .toString();
        String number = own.substring(own.indexOf('[') + 1, own.indexOf(']'));
        assertThat(ClientJournal.path(Path.of("/x"), Map.of()).getFileName())
                .hasToString("undo-" + number + ".journal");
    }

    @Test
    void rootsIsTheSystemsAndOthersHaveTheirOwn() {
        String user = System.getProperty("user.name");
        try {
            System.setProperty("user.name", "root");
            assertThat(ClientJournal.path(null, Map.of("HOME", "/root")))
                    .hasParentRaw(Path.of("/var/lib/culvert/client"));
            System.setProperty("user.name", "ann");
            assertThat(ClientJournal.path(null, Map.of("HOME", "/home/ann")))
                    .hasParentRaw(Path.of("/home/ann/.local/state/culvert/client"));
            assertThat(ClientJournal.path(null, Map.of("HOME", "/home/ann", "XDG_STATE_HOME", "/s")))
                    .hasParentRaw(Path.of("/s/culvert/client"));
        } finally {
            System.setProperty("user.name", user);
        }
    }
}
