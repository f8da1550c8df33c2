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

    /** Its libraries are run as well as its bin/java. */
    @Test
    void rootRunsNoJdkOfWhichAnotherUserCanChangeAnything() throws Exception {
        String script = """
                mount -t tmpfs -o mode=755 none /mnt && mkdir -p /mnt/jdk/bin /mnt/jdk/lib/server
                printf '#!/bin/sh\\necho the newest, $0\\n' >/mnt/jdk/bin/java && chmod 755 /mnt/jdk/bin/java
                echo 'JAVA_VERSION="99.0.1"' >/mnt/jdk/release && : >/mnt/jdk/lib/server/libjvm.so
                ln -s /nonexistent /mnt/jdk/lib/dead
                ln -s /mnt/jdk /mnt/link && JAVA_HOME=/mnt/link "$0" --version
                chown nobody /mnt/jdk/lib/server/libjvm.so && JAVA_HOME=/mnt/jdk "$0" --version
                chown root /mnt/jdk/lib/server/libjvm.so && chmod o+w /mnt/jdk/lib && JAVA_HOME=/mnt/jdk "$0" --version
                """;
        Outcome o =
                lab.run(lab.client, Duration.ofSeconds(60), "unshare", "-m", "sh", "-c", script, lab.script("client"));
        assertThat(o.output().lines().toList())
                .as(o.output())
                .hasSize(3)
                .satisfiesExactly(
                        line -> assertThat(line)
                                .as("what was looked at, not a link that may lead elsewhere by now")
                                .isEqualTo("the newest, /mnt/jdk/bin/java"),
                        line -> assertThat(line).startsWith("culvert client"),
                        line -> assertThat(line).startsWith("culvert client"));
    }

    /** A descriptor that is closed when a program starts is none of its files' later on. */
    @Test
    void closedDescriptorsAreNoFilesOfTheJvm() throws Exception {
        Outcome o = lab.run(
                lab.client,
                Duration.ofSeconds(60),
                "sh",
                "-c",
                "\"$0\" list --token-file - <&-; \"$0\" --version >&-; echo $?",
                lab.script("client"));
        assertThat(o.output()).startsWith("client: standard input is empty").endsWith("1\n");
    }

    /** As {@code head} does; nobody wants to be told. A disk that is full is another matter. */
    @Test
    void whoReadsTheOutputMayGo() throws Exception {
        String script = """
                mkfifo "$1" && exec 3<>"$1" 4>"$1" 3>&-
                "$0" --version >&4; echo $?
                "$0" --version >/dev/full; echo $?
                """;
        Outcome o = lab.run(
                lab.client,
                Duration.ofSeconds(60),
                "sh",
                "-c",
                script,
                lab.script("client"),
                lab.directory().resolve("pipe").toString());
        assertThat(o.output().lines().toList())
                .containsExactly("141", "client: standard output could not be written: No space left on device", "1");
    }

    @Test
    void aJavaThatCannotBeRunIsNamed() throws Exception {
        Path home = lab.directory().resolve("other-machine");
        Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
        Files.writeString(java, "#!/nonexistent/interpreter\n");
        Lab.must("chmod", "755", java.toString());
        for (String version : List.of("99", "99999999999999999999")) {
            Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
            Outcome o = launch(List.of("CULVERT_JAVA_HOME=" + home), "--version");
            assertThat(o.exit()).isEqualTo(1);
            assertThat(o.output())
                    .contains(version.length() > 2 ? "where there is no Java" : "cannot be run on this machine");
        }
    }
}
