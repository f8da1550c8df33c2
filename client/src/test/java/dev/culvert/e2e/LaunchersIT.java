package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The scripts that start the programs, where a machine is not like the one that they were written on. */
@Tag("netns")
final class LaunchersIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static Outcome launch(List<String> environment, String... arguments) throws Exception {
        List<String> line = new ArrayList<>(List.of("env", "-i", "PATH=" + System.getenv("PATH")));
        line.addAll(environment);
        line.add(lab.script("client"));
        line.addAll(List.of(arguments));
        return lab.run(lab.client, Duration.ofSeconds(60), line.toArray(String[]::new));
    }

    @Test
    void lettersBeyondAsciiInAPathAndInAnArgumentNeedNoLocale() throws Exception {
        Path directory = lab.directory().resolve("Jörg");
        Lab.must("cp", "-r", lab.jars().toString(), directory.toString());
        for (String locale : List.of("LC_ALL=C", "LANG=POSIX", "LANG=xx_XX.UTF-8", "NOTHING=")) {
            Outcome o = launch(List.of(locale, "CULVERT_LIB=" + directory), "up", "--token-file", "/nonexistent/tökén");
            assertThat(o.output()).as(locale).startsWith("client: ").contains("/nonexistent/tökén");
            assertThat(o.exit()).isEqualTo(1);
        }
    }

    @Test
    void aJavaHomeThatIsNoneIsAnError() throws Exception {
        Outcome o = launch(List.of("CULVERT_JAVA_HOME=/nonexistent"), "--version");
        assertThat(o.exit()).isEqualTo(1);
        assertThat(o.output())
                .startsWith("client: CULVERT_JAVA_HOME is /nonexistent")
                .contains("unset it");
        assertThat(o.lines()).isEqualTo(1);
    }

    @Test
    void rootRunsNoJavaThatAnotherUserCanChange() throws Exception {
        Path home = lab.directory().resolve("home");
        Path java = Files.createDirectories(home.resolve(".jdks/newest/bin")).resolve("java");
        Files.writeString(java, "#!/bin/sh\necho not mine\n");
        Files.writeString(home.resolve(".jdks/newest/release"), "JAVA_VERSION=\"99.0.1\"\n");
        Lab.must("chmod", "755", java.toString());
        Lab.must("chown", "-R", "nobody", home.toString());
        for (String variable : List.of("HOME=" + home, "JAVA_HOME=" + home.resolve(".jdks/newest"))) {
            Outcome o = launch(List.of(variable), "--version");
            assertThat(o.exit()).as(o.output()).isZero();
            assertThat(o.output()).startsWith("culvert client");
        }
    }
}
