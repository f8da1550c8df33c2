package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

final class ClientJournalTest {
    @Test
    void aDirectoryThatWasNamedIsUsed() {
        assertThat(ClientJournal.path(Path.of("/x"))).hasParentRaw(Path.of("/x"));
    }

    @Test
    void thereIsOneFileForEachNetworkNamespace() throws Exception {
        String own = java.nio.file.Files.readSymbolicLink(Path.of("/proc/self/ns/net"))
                .toString();
        String number = own.substring(own.indexOf('[') + 1, own.indexOf(']'));
        assertThat(ClientJournal.path(Path.of("/x")).getFileName()).hasToString("undo-" + number + ".journal");
    }
}
