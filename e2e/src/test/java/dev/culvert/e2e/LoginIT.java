package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every day with a token that the programs keep: logged in once, up without anything, asked, in the background, and out again. */
@Tag("netns")
final class LoginIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static String[] program(String name, String... arguments) {
        List<String> line = new ArrayList<>(List.of("env", "STATE_DIRECTORY=" + state(name), lab.script(name)));
        line.addAll(List.of(arguments));
        return line.toArray(String[]::new);
    }

    private static Path state(String name) {
        return lab.directory().resolve(name + "-kept");
    }

    private static Outcome client(String... arguments) throws Exception {
        return lab.run(lab.client, Lab.START, program("client", arguments));
    }

    private static String done(Outcome outcome) {
        assertThat(outcome.exit()).as(outcome.output()).isZero();
        return outcome.output();
    }

    private static JsonNode json(Outcome outcome) {
        return JsonMapper.shared().readTree(done(outcome));
    }

    private static String rights(Path file) throws Exception {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    }

    private static String fetch() throws Exception {
        return lab.shell(
                lab.client,
                Lab.COMMAND,
                "curl -s -m 20 -o /dev/null -w '%{http_code}' http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP
                        + "/small || true");
    }

    @Test
    void aTokenIsKeptAndUsedUntilLogout() throws Exception {
        LanServices.start(lab);
        lab.startGateway();
        Path agentToken = lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24");
        done(lab.run(lab.office, Lab.START, program("agent", "login", agentToken.toString())));
        lab.start(lab.office, "agent", program("agent")).awaitOutput("connected to", Lab.START);

        Path home = lab.clientToken("home", "office:192.168.77.0/24");
        Path work = lab.clientToken("work", "office:192.168.77.0/24");
        Path spare = lab.clientToken("spare", "office:192.168.77.0/24");
        String secret = Files.readString(home).strip();

        Outcome none = client("up");
        assertThat(none.exit()).isEqualTo(1);
        assertThat(none.output())
                .startsWith("client: no token is kept in " + state("client"))
                .contains("client login");
        assertThat(none.lines()).isOne();

        // By a file, by standard input, and typed at a terminal, which does not show it.
        assertThat(done(client("login", work.toString()))).startsWith("client: logged in as 'work'");
        List<String> piped = new ArrayList<>(List.of("sh", "-c", "exec \"$@\" <" + spare, "sh"));
        piped.addAll(List.of(program("client", "login", "-", "--profile", "spare")));
        done(lab.run(lab.client, Lab.START, piped.toArray(String[]::new)));
        List<String> typed = new ArrayList<>(List.of(
                "python3", lab.resource("terminal.py").toString(), home.toString(), "Token (it is not shown): "));
        typed.addAll(List.of(program("client", "login", "--profile", "home")));
        String shown = done(lab.run(lab.client, Lab.START, typed.toArray(String[]::new)));
        assertThat(shown).contains("client: logged in as 'home'").doesNotContain(secret.substring(0, 20));

        Outcome argument = client("login", secret);
        assertThat(argument.exit()).isEqualTo(2);
        assertThat(argument.output())
                .startsWith("client: a token is on the command line")
                .doesNotContain(secret.substring(0, 20));
        assertThat(argument.lines()).isOne();

        assertThat(rights(state("client").resolve("profile-home.token"))).isEqualTo("rw-------");
        assertThat(rights(state("client"))).isEqualTo("rwx------");
        JsonNode profiles = json(client("profiles", "--json"));
        assertThat(profiles.path("current").stringValue()).isEqualTo("home");
        assertThat(profiles.at("/profiles")
                        .valueStream()
                        .map(p -> p.path("name").stringValue()))
                .containsExactly("default", "home", "spare");

        // Up without anything, in the background.
        String up = done(client("up", "--detach"));
        assertThat(up)
                .contains("routes: 192.168.77.0/24 via office")
                .contains("client: up, in the background as process");
        assertThat(fetch()).isEqualTo("200");
        JsonNode status = json(client("status", "--json"));
        assertThat(status.at("/token/profile").stringValue()).isEqualTo("home");
        assertThat(status.at("/link/state").stringValue()).isEqualTo("up");
        assertThat(status.at("/link/gateway").stringValue()).isEqualTo("wss://" + Lab.GATEWAY + ":" + Lab.PORT);
        assertThat(status.at("/routes/0/network").stringValue()).isEqualTo("192.168.77.0/24");
        assertThat(status.at("/carried/received").asLong()).isPositive();
        assertThat(done(client("status"))).contains("of 'home', profile 'home'", "office  connected  192.168.77.0/24");
        long pid = status.path("pid").asLong();
        assertThat(up).contains("process " + pid);
        for (String of : List.of("cmdline", "environ")) {
            assertThat(new String(
                            Files.readAllBytes(Path.of("/proc", Long.toString(pid), of)), StandardCharsets.ISO_8859_1))
                    .doesNotContain(secret.substring(0, 20));
        }
        Path log = state("client").resolve("client.log");
        assertThat(rights(log)).isEqualTo("rw-------");
        assertThat(Files.readString(log))
                .contains("Z client: up, in the background")
                .doesNotContain(secret);
        assertThat(client("up", "--detach").output()).contains("the client is up already in another process");

        JsonNode agent = json(lab.run(lab.office, Lab.START, program("agent", "status", "--json")));
        assertThat(agent.at("/gateways/0/state").stringValue()).isEqualTo("up");
        assertThat(agent.at("/token/profile").stringValue()).isEqualTo("default");
        assertThat(agent.at("/counters/opens").asLong()).isPositive();

        assertThat(done(client("down"))).contains("client: down");
        assertThat(client("status").exit()).isEqualTo(3);
        assertThat(Files.readString(log)).contains("Z client: down; this machine's network is as it was");

        // Another one by its name; and one that the gateway refuses says so to whoever has started it.
        done(client("up", "spare", "--detach"));
        assertThat(json(client("status", "--json")).at("/token/profile").stringValue())
                .isEqualTo("spare");
        done(client("down"));
        assertThat(client("connect", "--profile", "spare", "office:" + Lab.OFFICE_HOST + ":1")
                        .output())
                .contains("refused");
        lab.token("revoke", "work");
        Outcome refused = client("up", "default", "--detach");
        assertThat(refused.exit()).as(refused.output()).isEqualTo(1);
        assertThat(refused.output()).contains("your token was revoked");

        done(client("logout"));
        assertThat(client("up").output()).contains("no profile is in use", "name one of default, spare");
        done(client("logout", "default"));
        assertThat(json(client("profiles", "--json")).path("current").stringValue())
                .isEqualTo("spare");
    }
}
