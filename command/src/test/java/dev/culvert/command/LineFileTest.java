package dev.culvert.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@NullUnmarked
final class LineFileTest {
    @TempDir
    Path dir;

    private static void write(LineFile file, String line) throws IOException {
        file.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.US_ASCII)));
    }

    /** Logrotate's copytruncate: the file is emptied in place. */
    @Test
    void goesOnAtTheNewEndOfAFileThatWasEmptied() throws Exception {
        Path path = dir.resolve("a");
        try (LineFile file = new LineFile(path)) {
            write(file, "1");
            FileChannel.open(path, StandardOpenOption.WRITE).truncate(0).close();
            write(file, "2");
        }
        assertThat(path).hasContent("2\n");
    }

    @Test
    void looksAtThePathAgainWhenTheFileWasMovedReplacedOrDeleted() throws Exception {
        Path path = dir.resolve("a");
        try (LineFile file = new LineFile(path)) {
            write(file, "1");
            Files.move(path, dir.resolve("moved"));
            write(file, "2");
            Files.move(path, dir.resolve("moved2"));
            Files.createFile(path);
            write(file, "3");
            Files.delete(path);
            write(file, "4");
        }
        assertThat(dir.resolve("moved")).hasContent("1\n");
        assertThat(dir.resolve("moved2")).hasContent("2\n");
        assertThat(path).hasContent("4\n");
    }

    /** Two gateways on one directory, and the file is put aside all the time: each line once, whole, in its writer's order. */
    @Test
    void severalWriteOneFile() throws Exception {
        Path path = dir.resolve("a");
        int lines = 400;
        List<CompletableFuture<Void>> writers = new ArrayList<>();
        for (int w = 0; w < 3; w++) {
            String name = "w" + w + "-";
            writers.add(CompletableFuture.runAsync(() -> {
                try (LineFile file = new LineFile(path, 2_000, 40)) {
                    for (int i = 0; i < lines; i++) {
                        write(file, name + i);
                    }
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            }));
        }
        CompletableFuture.allOf(writers.toArray(CompletableFuture[]::new)).get();
        List<String> all = new ArrayList<>();
        for (int i = 40; i >= 0; i--) {
            Path file = i == 0 ? path : dir.resolve("a." + i);
            if (Files.exists(file)) {
                all.addAll(Files.readAllLines(file));
            }
        }
        assertThat(all).hasSize(3 * lines);
        for (int w = 0; w < 3; w++) {
            String name = "w" + w + "-";
            List<String> sent = new ArrayList<>();
            for (int i = 0; i < lines; i++) {
                sent.add(name + i);
            }
            assertThat(all.stream().filter(l -> l.startsWith(name)).toList()).isEqualTo(sent);
        }
    }

    /** Who may write in the directory must not lead a privileged writer elsewhere, nor hold it up. */
    @Test
    void followsNoLinkAndOpensNoPipe() throws Exception {
        Path target = Files.writeString(dir.resolve("target"), "precious");
        Path link = Files.createSymbolicLink(dir.resolve("link"), target);
        assertThatThrownBy(() -> new LineFile(link)).hasMessageContaining("no regular file");
        Files.createSymbolicLink(dir.resolve("dangling"), dir.resolve("made"));
        assertThatThrownBy(() -> new LineFile(dir.resolve("dangling"))).hasMessageContaining("no regular file");
        assertThat(target).hasContent("precious");
        assertThat(dir.resolve("made")).doesNotExist();
        assertThatThrownBy(() -> new LineFile(Path.of("/dev/null"))).hasMessageContaining("no regular file");
    }

    @Test
    void aDirectoryThatIsGoneAndBackIsWrittenAgain() throws Exception {
        Path sub = Files.createDirectory(dir.resolve("sub"));
        try (LineFile file = new LineFile(sub.resolve("a"))) {
            Files.delete(sub.resolve("a"));
            Files.delete(sub);
            assertThatThrownBy(() -> write(file, "1")).isInstanceOf(IOException.class);
            Files.createDirectory(sub);
            write(file, "2");
        }
        assertThat(sub.resolve("a")).hasContent("2\n");
    }

    /** Lines of all lengths in small files: each is in one file, whole, in order; the oldest files go. */
    @Test
    void filesArePutAsideWhenTheyHaveGrown() throws Exception {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        Path file = dir.resolve("a");
        LineFile out = new LineFile(file, 1_000, 3);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            String line = i + " " + "x".repeat(random.nextInt(300)) + "\n";
            sent.add(line);
            out.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.US_ASCII)));
            if (random.nextInt(10) == 0) {
                out.close();
                out = new LineFile(file, 1_000, 3);
            }
        }
        out.close();
        StringBuilder kept = new StringBuilder();
        for (String name : List.of("a.3", "a.2", "a.1", "a")) {
            String text = Files.readString(dir.resolve(name));
            assertThat(text)
                    .as("seed %d, %s", seed, name)
                    .isNotEmpty()
                    .endsWith("\n")
                    .hasSizeLessThanOrEqualTo(1_000);
            kept.append(text);
        }
        assertThat(String.join("", sent)).as("seed %d", seed).endsWith(kept.toString());
        assertThat(dir.resolve("a.4")).doesNotExist();
    }

    @Test
    void aLineThatACrashHasCutIsDropped() throws Exception {
        Path file = dir.resolve("a");
        Files.writeString(file, "{\"a\":1}\n{\"b\":");
        LineFile out = new LineFile(file);
        out.write(ByteBuffer.wrap("{\"c\":1}\n".getBytes(StandardCharsets.US_ASCII)));
        out.close();
        assertThat(file).hasContent("{\"a\":1}\n{\"c\":1}\n");
        Files.writeString(file, "{cut");
        new LineFile(file).close();
        assertThat(file).isEmptyFile();
        Files.writeString(file, "somebody's notes");
        new LineFile(file).close();
        assertThat(file).hasContent("somebody's notes\n");
    }
}
