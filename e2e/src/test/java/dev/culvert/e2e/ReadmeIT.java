package dev.culvert.e2e;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.culvert.docs.DocumentedCommand;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The everyday tasks of the README, in its order and as they are typed there, on three machines that know {@code vpn.example}. A command that
 * is new in the README must be given a place here: it is run, or another test does it and is named.
 */
@Tag("netns")
final class ReadmeIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** For each line: programs start anew each time, on a machine that others use too. */
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    private static final String POLICY_STATE = "CULVERT_STATE=policy-state ";
    private static final String LAN_HOST = "192.168.77.10";

    /** What happens on a machine of the lab when a line is typed. */
    private interface Step {
        void type(String line) throws Exception;
    }

    /** Lines that this network has not the means for, and who proves what they do. */
    private static final Map<String, String> ELSEWHERE = Map.ofEntries(
            entry("sudo scripts/token key retire KEY", "TokenLifecycleTest: the key's name is another each time"),
            entry("sudo scripts/token key passphrase", "asks at a terminal; TokenLifecycleTest"),
            entry(
                    "sudo scripts/token agent --name office --routes 192.168.77.0/24 --publish app.example.com --publish :2222/tcp --out office.token",
                    "PublishIT"),
            entry(
                    "scripts/agent --token-file office.token --publish app.example.com=http://192.168.77.10:8080 --publish tcp:2222=192.168.77.10:22",
                    "PublishIT"),
            entry(
                    "sudo scripts/gateway --http :80 --acme letsencrypt --acme-accept-terms",
                    "wants the Internet; PublicNameIT"),
            entry(
                    "sudo scripts/gateway --http :80 --acme letsencrypt --acme-accept-terms --public-name vpn.example.com",
                    "wants the Internet; PublicNameIT"),
            entry(
                    "sudo scripts/token client --name ann --gateway wss://vpn.example.com --public-certificate --allow office:192.168.77.0/24 --out ann.token",
                    "PublicNameIT"),
            entry(
                    "sudo scripts/token client --name ann --allow office:192.168.77.0/24 --domains corp.example --out ann.token",
                    "NamesIT"),
            entry("sudo scripts/client up --token-file ann.token", "changes the machine's resolver; NamesIT"),
            entry("sudo scripts/token init --gateway wss://a.example,wss://b.example", "TwoGatewaysIT"),
            entry("sudo scripts/client up --route 10.0.0.0/8=office", "RoutingIT"),
            entry("sudo scripts/client up --route 10.77.0.0/24=office:192.168.1.0/24", "MapsIT"),
            entry("sudo scripts/client up --full", "RoutingIT"));

    private final Map<String, Step> steps = new HashMap<>();
    private final List<String> last = new ArrayList<>();
    private Path home;

    private static void knows(Host host, String address) throws IOException {
        Files.writeString(Lab.etc(host).resolve("hosts"), "127.0.0.1 localhost\n" + address + " vpn.example\n");
    }

    // ---- the machines ----

    private void machines() throws Exception {
        LanServices services = LanServices.start(lab);
        lab.must(lab.officeHost, "ip", "addr", "add", LAN_HOST + "/24", "dev", "lan");
        lab.start(lab.officeHost, "db", "python3", "-m", "http.server", "5432", "--directory", "/nonexistent");
        knows(lab.client, Lab.GATEWAY);
        knows(lab.office, "10.71.2.1");
        home = Files.createDirectory(lab.directory().resolve("readme"));
        Path programs = Path.of(lab.script("client")).getParent();
        Files.createSymbolicLink(home.resolve("scripts"), programs);
        Path bin = Files.createDirectory(home.resolve("bin"));
        for (String program : List.of("client", "agent", "gateway", "token")) {
            Files.createSymbolicLink(bin.resolve(program), programs.resolve(program));
        }
        script(bin.resolve("sudo"), "exec \"$@\"");
        List<String> ssh = new ArrayList<>(List.of(services.sshCommand()));
        ssh.remove(ssh.size() - 1); // whom
        script(
                bin.resolve("ssh"),
                "exec " + String.join(" ", ssh).replaceFirst("^ssh", "/usr/bin/ssh") + " -l root \"$@\"");
    }

    private static void script(Path file, String line) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + line + "\n");
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private static Host machine(String program) {
        return switch (program) {
            case "agent" -> lab.office;
            case "client" -> lab.client;
            default -> lab.gateway;
        };
    }

    private static String programOf(String line) {
        for (String program : List.of("agent", "client")) {
            if (line.matches("(sudo )?(scripts/)?" + program + "( .*)?") || line.startsWith("ssh ")) {
                return line.startsWith("ssh ") ? "client" : program;
            }
        }
        return "gateway";
    }

    /** A login shell there, and where each machine keeps its state. */
    private String[] shell(String line, String before) {
        Host host = machine(programOf(line));
        return new String[] {
            "env",
            "-C",
            home.toString(),
            "PATH=" + home.resolve("bin") + ":" + System.getenv("PATH"),
            "CULVERT_STATE=" + home.resolve("gateway-state"),
            "STATE_DIRECTORY=" + home.resolve(host == lab.office ? "agent-state" : "client-state"),
            "bash",
            "-c",
            before + line
        };
    }

    private Outcome typed(String line, String before) throws Exception {
        return lab.run(machine(programOf(line)), PATIENCE, shell(line, before));
    }

    /** It ends in order, and says this. */
    private Step says(String... words) {
        return line -> {
            Outcome o = typed(line, "");
            assertThat(o.exit()).as(line + ":\n" + o.output()).isZero();
            assertThat(o.output()).as(line).contains(words);
        };
    }

    private Program started(String line, String until) throws IOException {
        Program program = lab.start(machine(programOf(line)), programOf(line), shell(line, "exec "));
        program.awaitOutput(until, PATIENCE);
        return program;
    }

    /** It goes on until the end. */
    private Step runs(String until) {
        return line -> started(line, until);
    }

    private static void fetch(String what, String... more) {
        List<String> curl =
                new ArrayList<>(List.of("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20"));
        curl.addAll(List.of(more));
        curl.add(what);
        await().atMost(PATIENCE)
                .untilAsserted(() -> assertThat(lab.run(lab.client, PATIENCE, curl.toArray(String[]::new))
                                .output())
                        .matches("200|404"));
    }

    private static final String WEB = "http://" + LAN_HOST + ":" + LanServices.HTTP + "/small";

    /** It is up, the LAN can be reached, and Ctrl-C ends it. */
    private Step upAndDown() {
        return line -> {
            Program up = started(line, "routes: ");
            fetch(WEB);
            assertThat(up.terminate()).as(up.output()).isIn(0, 143);
        };
    }

    private void steps() {
        steps.put("sudo scripts/token init --gateway wss://vpn.example:443", says("vpn.example"));
        steps.put("sudo scripts/gateway", runs("listening on"));
        steps.put("sudo scripts/gateway status", says("wss://vpn.example:443"));
        steps.put(
                "sudo scripts/token agent  --name office --routes 192.168.77.0/24,fd77::/64 --out office.token",
                says("office"));
        steps.put(
                "sudo scripts/token client --name laptop --allow office:192.168.77.0/24 --allow 'office:[fd77::/64]' --out laptop.token",
                says("laptop"));
        steps.put("sudo scripts/token list", says("office", "laptop"));
        steps.put("sudo scripts/token revoke laptop", line -> last.add(line)); // who is revoked does nothing more
        steps.put("scripts/token show laptop.token", says("laptop", "192.168.77.0/24"));
        steps.put("sudo scripts/token key rotate", says(""));
        steps.put("sudo scripts/token key list", says(""));
        // Not the gateway's own, where it would be in force from then on, and allow this laptop nothing.
        steps.put("scripts/gateway policy check", line -> {
            Files.writeString(
                    Files.createDirectory(home.resolve("policy-state")).resolve("policy.yaml"), policy());
            assertThat(typed(line, POLICY_STATE).exit()).isZero();
        });
        steps.put(
                "scripts/gateway policy explain --client alice-laptop --agent office --to 192.168.77.10:22",
                line -> assertThat(typed(line, POLICY_STATE).exit()).isEqualTo(3));
        steps.put("scripts/agent login office.token", says("logged in as 'office'"));
        steps.put("scripts/agent", runs("connected to"));
        steps.put("scripts/agent status", says("192.168.77.0/24"));
        steps.put("sudo scripts/client login laptop.token", says("logged in as 'laptop'"));
        steps.put("sudo scripts/client up", upAndDown());
        steps.put("sudo scripts/client up --route 192.168.77.0/24", line -> {
            // The one in the background has the interface for the rest.
            says("client: down").type("client down");
            upAndDown().type(line);
            says("in the background").type("client up --detach");
        });
        steps.put("sudo scripts/client up --detach", says("up, in the background"));
        steps.put("sudo scripts/client status", says("192.168.77.0/24", "wss://vpn.example:443"));
        steps.put("sudo scripts/client list", says("agent office", "192.168.77.0/24"));
        steps.put("sudo scripts/client ping 192.168.77.10", says("4 sent, 4 answered"));
        steps.put("sudo scripts/client down", line -> last.add(0, line)); // what follows is done beside it
        steps.put(
                "ssh -o ProxyCommand='client connect --token-file laptop.token office:%h:%p' 192.168.77.10",
                line -> assertThat(typed(line, "echo 'echo there' | ").output()).isEqualTo("there\n"));
        steps.put(
                "client forward --token-file laptop.token 5432=office:192.168.77.10:5432 udp:5353=office:192.168.77.1:53",
                line -> {
                    Program forward = started(line, "agent 'office' is connected");
                    assertThat(forward.output()).contains("joins the client that is up");
                    fetch("http://127.0.0.1:5432/");
                });
        steps.put("client proxy --token-file laptop.token", line -> {
            started(line, "agent 'office' is connected");
            fetch(WEB, "--socks5", "127.0.0.1:1080");
            fetch("http://127.0.0.1:1080/proxy.pac");
        });
        steps.put(
                "sudo client doctor",
                line -> assertThat(typed(line, "").output()).contains("✓ token", "✓ TLS", "✓ upgrade"));
        steps.put("client report report.zip", line -> {
            says("report.zip").type(line);
            assertThat(home.resolve("report.zip")).isNotEmptyFile();
        });
    }

    private static Path readme() {
        return Path.of(lab.script("client")).getParent().resolveSibling("README.md");
    }

    /** The one in the README. */
    private static String policy() throws IOException {
        String text = Files.readString(readme());
        int at = text.indexOf("```\ngroups:\n") + "```\n".length();
        return text.substring(at, text.indexOf("```", at));
    }

    private static List<String> everyday() throws IOException {
        List<String> lines = Files.readAllLines(readme());
        int from = lines.indexOf("## Everyday tasks");
        assertThat(from).isPositive();
        int to = from + 1;
        while (!lines.get(to).startsWith("## ")) {
            to++;
        }
        int end = to;
        return DocumentedCommand.in(readme()).stream()
                .filter(c -> {
                    int at = Integer.parseInt(c.where().replaceFirst(".*:", ""));
                    return at > from && at <= end;
                })
                .map(DocumentedCommand::line)
                .toList();
    }

    @Test
    void theEverydayTasksAreDoneAsTheyAreTyped() throws Exception {
        List<String> everyday = everyday();
        steps();
        assertThat(everyday)
                .as("each is run here, or named with who does")
                .allMatch(line -> steps.containsKey(line) != ELSEWHERE.containsKey(line));
        assertThat(everyday).as("and nothing else").containsAll(steps.keySet()).containsAll(ELSEWHERE.keySet());
        machines();
        for (String line : everyday) {
            Step step = steps.get(line);
            if (step != null) {
                step.type(line);
            }
        }
        for (String line : last) {
            says("").type(line);
        }
        Outcome revoked = typed("client list", "");
        assertThat(revoked.exit()).as(revoked.output()).isEqualTo(1);
    }
}
