package dev.culvert.command.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code service install} and {@code remove} do to a machine, in a directory of the test's own. */
@NullUnmarked
class ServiceUnitTest {
    @TempDir
    Path root;

    private final List<String> commands = new ArrayList<>();
    private final Path sources = Path.of("../scripts").toAbsolutePath().normalize();
    private Path own;
    private Path token;

    @BeforeEach
    void machine() throws IOException {
        Files.createDirectories(root.resolve("run/systemd/system"));
        own = root.resolve("etc/systemd/system/culvert-agent.service");
        token = root.resolve("etc/culvert/agent.token");
    }

    private ServiceUnit agent(@Nullable Path programs) {
        return new ServiceUnit("agent", root, programs, command -> commands.add(String.join(" ", command)));
    }

    private void packaged() throws IOException {
        Path unit = root.resolve("usr/lib/systemd/system/culvert-agent.service");
        Files.createDirectories(unit.getParent());
        Files.writeString(unit, "[Unit]\n");
    }

    @Test
    void takesTheUnitOfThePackage() throws IOException {
        packaged();
        assertThat(agent(null).install("secret"))
                .first()
                .asString()
                .endsWith("usr/lib/systemd/system/culvert-agent.service");
        assertThat(own).doesNotExist();
        assertThat(token).hasContent("secret");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(token)))
                .isEqualTo("rw-------");
        assertThat(commands)
                .containsExactly(
                        "systemctl daemon-reload",
                        "systemctl enable --quiet culvert-agent.service",
                        "systemctl restart culvert-agent.service");
        assertThat(String.join("\n", commands)).doesNotContain("secret");
    }

    @Test
    void writesOneForAnInstallationElsewhereAndDeletesItAgain() throws IOException {
        agent(sources).install("secret");
        assertThat(Files.readString(own))
                .startsWith("# Written by 'agent service install'")
                .contains("ExecStart=" + sources + "/agent --token-file ${CREDENTIALS_DIRECTORY}/token")
                .contains("Type=notify")
                .doesNotContain("/usr/lib/culvert")
                .doesNotContain("secret");
        assertThat(commands.get(0)).isEqualTo("systemd-sysusers " + sources + "/systemd/culvert.sysusers");
        agent(sources).install("another"); // a new token, or a new version
        assertThat(token).hasContent("another");

        commands.clear();
        assertThat(agent(sources).remove()).contains("deleted: " + own);
        assertThat(own).doesNotExist();
        assertThat(token).doesNotExist();
        assertThat(commands)
                .containsExactly("systemctl disable --quiet --now culvert-agent.service", "systemctl daemon-reload");
        assertThatThrownBy(() -> agent(sources).remove()).hasMessage("there is no service culvert-agent.service here");
    }

    @Test
    void leavesAnAdministratorsUnitAlone() throws IOException {
        Files.createDirectories(own.getParent());
        Files.writeString(own, "[Unit]\nDescription=mine\n");
        assertThatThrownBy(() -> agent(sources).install("secret"))
                .hasMessageContaining("was not written by this command");
        assertThat(own).hasContent("[Unit]\nDescription=mine");
        assertThat(token).doesNotExist();
        assertThat(commands).isEmpty();

        agent(sources).remove();
        assertThat(own).hasContent("[Unit]\nDescription=mine");
    }

    @Test
    void saysWhatIsMissing() throws IOException {
        assertThatThrownBy(() -> agent(null).install("secret")).hasMessageContaining("run it by its launcher");
        assertThatThrownBy(() -> agent(root.resolve("bin")).install("secret"))
                .hasMessageContaining("run it by its launcher");
        Files.delete(root.resolve("run/systemd/system"));
        packaged();
        assertThatThrownBy(() -> agent(null).install("secret"))
                .hasMessageContaining("systemd does not run this machine");
        assertThatThrownBy(() -> agent(null).remove()).hasMessageContaining("systemd does not run this machine");
        assertThat(token).doesNotExist();
        assertThat(commands).isEmpty();
    }

    @Test
    void aServiceThatDoesNotStartIsSaid() throws IOException {
        packaged();
        ServiceUnit unit = new ServiceUnit("agent", root, null, command -> {
            if (command.contains("restart")) {
                throw new IOException("'systemctl restart culvert-agent.service' ended with exit code 1");
            }
        });
        assertThatThrownBy(() -> unit.install("secret")).hasMessageContaining("ended with exit code 1");
    }
}
