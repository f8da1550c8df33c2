package dev.culvert.docs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.agent.AgentCommand;
import dev.culvert.client.ClientCommand;
import dev.culvert.command.Program;
import dev.culvert.gateway.command.GatewayCommand;
import dev.culvert.token.issue.TokenCommand;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The commands that the documents show are commands of the programs as they are: subcommands, options and their values. */
final class DocumentedCommandsTest {
    /** What stands for something that must have a form of its own. */
    private static final Map<String, String> PLACEHOLDERS = Map.of("MOMENT", "2026-11-22T10:00:00Z");

    private static Path root() {
        for (Path p = Path.of("").toAbsolutePath(); p != null; p = p.getParent()) {
            if (Files.exists(p.resolve("README.md")) && Files.exists(p.resolve("docs"))) {
                return p;
            }
        }
        throw new AssertionError("no README.md above " + Path.of("").toAbsolutePath());
    }

    private static Object program(String name) {
        return switch (name) {
            case "token" -> new TokenCommand(InputStream.nullInputStream(), Map.of(), Clock.systemUTC(), null);
            case "gateway" -> new GatewayCommand();
            case "agent" -> new AgentCommand();
            default -> new ClientCommand();
        };
    }

    /** Why the program does not take it; empty when it does. */
    private static String wrong(DocumentedCommand command) {
        List<String> arguments = new ArrayList<>();
        for (String word : command.arguments()) {
            String bare = word.replaceAll("^\\[|]$", ""); // what may be left out
            if (!bare.equals("...")) {
                arguments.add(
                        PLACEHOLDERS.getOrDefault(bare, word.startsWith("[") && word.contains(":") ? word : bare));
            }
        }
        try {
            CommandLine.ParseResult parsed =
                    Program.commandLine(program(command.program())).parseArgs(arguments.toArray(String[]::new));
            return parsed.unmatched().isEmpty() ? "" : "unknown " + parsed.unmatched();
        } catch (CommandLine.ParameterException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @Test
    void eachIsTaken() throws IOException {
        List<String> wrong = new ArrayList<>();
        List<DocumentedCommand> all = DocumentedCommand.all(root());
        for (DocumentedCommand command : all) {
            String why = wrong(command);
            if (!why.isEmpty()) {
                wrong.add(command.where() + ": " + command.line() + ": " + why);
            }
        }
        assertThat(wrong).isEmpty();
        // They are found where they are.
        assertThat(all).hasSizeGreaterThan(70);
        assertThat(all)
                .extracting(DocumentedCommand::line)
                .contains(
                        "sudo scripts/client up --full",
                        "ssh -o ProxyCommand='client connect --token-file laptop.token office:%h:%p' 192.168.77.10",
                        "HTTPS_PROXY=http://proxy.corp.example:3128 agent",
                        "client capture --flow icmp --flow 'udp:*:53' -w some.pcap");
    }

    @Test
    void aSlipIsSeen() {
        for (String slip : new String[] {
            "client upp",
            "sudo client up --rout 10.0.0.0/8",
            "client up --mtu many",
            "ssh -o ProxyCommand='client connnect office:%h:%p' host",
            "token client --name x | agent --tokenfile -"
        }) {
            List<DocumentedCommand> commands = commands(slip);
            assertThat(commands).as(slip).isNotEmpty();
            assertThat(commands).as(slip).anyMatch(c -> !wrong(c).isEmpty());
        }
    }

    private static List<DocumentedCommand> commands(String line) {
        try {
            Path document = Files.createTempFile("docs-", ".md");
            try {
                Files.writeString(document, "```\n" + line + "    what it does\n```\n");
                return DocumentedCommand.in(document);
            } finally {
                Files.delete(document);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
