package dev.culvert.tun.system;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** What is done to a machine, as text that is kept beside the tests: a change of it is seen in a review. */
public final class GoldenFile {
    private static final Path RESOURCES = Path.of("src/test/resources");

    private GoldenFile() {}

    /** Compares; with -Dculvert.golden=write writes instead. */
    public static void matches(Class<?> test, String name, String actual) throws IOException {
        Path file = RESOURCES.resolve(test.getPackageName().replace('.', '/')).resolve(name + ".txt");
        if (System.getProperty("culvert.golden", "").equals("write")) {
            Files.createDirectories(file.getParent());
            Files.writeString(file, actual, StandardCharsets.UTF_8);
        }
        assertThat(actual).as(file.toString()).isEqualTo(Files.readString(file, StandardCharsets.UTF_8));
    }
}
