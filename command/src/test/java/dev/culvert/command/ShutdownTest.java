package dev.culvert.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class ShutdownTest {
    @TempDir
    Path dir;

    /** A signal in the middle of a start: what was open is still to be written and closed, so it must be usable. */
    @Test
    void aSignalClosesNoFileOfWhoHasToEndInOrder() throws Exception {
        Shutdown shutdown = new Shutdown(Duration.ofMinutes(1));
        try (FileChannel file =
                FileChannel.open(dir.resolve("f"), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            Thread signal = new Thread(() -> shutdown.request(Duration.ofMinutes(1)));
            signal.start();
            shutdown.await();
            assertThat(shutdown.asked()).isCompleted();
            file.write(ByteBuffer.wrap(new byte[] {1}));
            assertThat(file.isOpen()).isTrue();
            assertThat(signal.isAlive()).as("waits until all is done").isTrue();
            shutdown.done();
            signal.join();
        }
    }
}
