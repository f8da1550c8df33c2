package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What gateway, agent and client tell the service manager that started them: when they are up, read again, and end. */
@Tag("netns")
final class ServiceIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** A service, and what its manager hears of it. */
    private record Service(Program program, Program ear) {
        static Service start(Host host, String name, String... command) throws Exception {
            Path socket = lab.directory().resolve(name + ".notify");
            Program ear = lab.startPython(host, name + "-ear", "notify.py", socket.toString());
            ear.awaitOutput("listening", Lab.START);
            // Whoever runs the tests by nohup has them, and so this, ignore SIGHUP.
            List<String> line = new ArrayList<>(List.of("env", "--default-signal=HUP", lab.script(name)));
            line.addAll(List.of(command));
            return new Service(
                    lab.start(host, name, Map.of("NOTIFY_SOCKET", socket.toString()), line.toArray(String[]::new)),
                    ear);
        }

        void hears(String text) {
            ear.awaitOutput(text, Lab.START);
        }

        /** It ends, and has said so first. */
        void stops() throws Exception {
            program.terminate();
            hears("STOPPING=1 STATUS=stopping");
        }
    }

    @Test
    void theManagerHearsWhenTheyAreUpAndWhenTheyEnd() throws Exception {
        String state = lab.state().toString();
        Service gateway = Service.start(lab.gateway, "gateway", "--state", state, "--listen", ":" + Lab.PORT);
        gateway.hears("READY=1 STATUS=listening on port " + Lab.PORT);
        assertThat(gateway.program.output()).contains("listening on");

        Path office = lab.agentToken("office", Lab.OFFICE_GATEWAY, "192.168.77.0/24");
        String agentState = lab.directory().resolve("agent").toString();
        Service agent = Service.start(lab.office, "agent", "--token-file", office.toString(), "--state", agentState);
        agent.hears("READY=1 STATUS=agent 'office', connected");

        Path laptop = lab.clientToken("laptop", "office:192.168.77.0/24");
        String clientState = lab.directory().resolve("client").toString();
        Service client =
                Service.start(lab.client, "client", "up", "--token-file", laptop.toString(), "--state", clientState);
        client.hears("READY=1 STATUS=up as 'laptop', interface culvert0");
        assertThat(client.program.output()).contains("routes: 192.168.77.0/24 via office");

        int before = gateway.ear.mark();
        gateway.program.signal("HUP");
        gateway.ear.awaitOutputAfter(before, "RELOADING=1 MONOTONIC_USEC=", Lab.START);
        gateway.ear.awaitOutputAfter(
                gateway.ear.output().indexOf("RELOADING=1"), "READY=1 STATUS=listening", Lab.START);

        client.stops();
        agent.stops();
        gateway.stops();
        assertThat(gateway.ear.output().lines().filter(line -> line.startsWith("READY=1")))
                .hasSize(2);
    }

    /** How far each part of the way is, without an interface and without root's powers. */
    @Test
    void pingSaysHowFarEachPartIs() throws Exception {
        Program gateway = lab.startGateway();
        Program office = lab.startOffice();
        Path laptop = lab.clientToken("pinger", "office:192.168.77.0/24");
        String state = lab.directory().resolve("pinger").toString();
        String said = lab.must(
                lab.client,
                Lab.START,
                lab.script("client"),
                "ping",
                "--count",
                "2",
                "--token-file",
                laptop.toString(),
                "--state",
                state,
                "office:" + Lab.OFFICE_HOST);
        assertThat(said.lines().toList()).hasSize(3);
        assertThat(said.lines().limit(2))
                .allMatch(line -> line.matches("seq [12]: (gateway [0-9.]+ ms, )?agent [0-9.]+ ms, host [0-9.]+ ms"));
        assertThat(said).contains("2 sent, 2 answered; least: ").contains("on to the host");

        Outcome silent = lab.run(
                lab.client,
                Lab.START,
                lab.script("client"),
                "ping",
                "--count",
                "1",
                "--token-file",
                laptop.toString(),
                "--state",
                state,
                "192.168.88.2");
        assertThat(silent.exit()).isEqualTo(1);
        assertThat(silent.output()).contains("192.168.88.2").contains("1 sent, 0 answered");
        office.close();
        gateway.close();
    }
}
