package dev.culvert.gateway.command;

import dev.culvert.store.StateException;
import dev.culvert.text.Printable;
import dev.culvert.token.state.DrainedAgents;
import dev.culvert.token.state.StateDirectory;
import dev.culvert.token.store.StoreOptions;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** The {@code gateway agent} commands: agents are put into maintenance and out of it, whether a gateway runs or not. */
@Command(
        name = "agent",
        description = {
            "Puts agents into maintenance: they get no new flows, and those that they have end by themselves.",
            "Every gateway with this state does so within a second, also after a restart. See 'gateway status'."
        },
        mixinStandardHelpOptions = true,
        subcommands = {AgentsCommand.Drain.class, AgentsCommand.Resume.class, AgentsCommand.ListAll.class},
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage, 7 the store is away.")
final class AgentsCommand implements Runnable {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: drain, resume or list");
    }

    /** What all of them have. */
    abstract static class OnState implements Callable<Integer> {
        @Option(
                names = "--state",
                paramLabel = "DIR",
                description = "State directory of the gateway, if it has another than usual.")
        @Nullable
        Path state;

        @Mixin
        StoreOptions store = new StoreOptions();

        @Option(names = "--json", description = "Answer in JSON.")
        boolean json;

        @Spec
        CommandSpec spec = CommandSpec.create();

        StateDirectory open() throws IOException {
            Path path = state != null ? state : StateDirectory.defaultPath();
            return StateDirectory.open(path, Clock.systemUTC(), store.choice(path, System.getenv(), false));
        }

        /** Leaves a line in the audit log; what was done stays done without one. */
        void audit(StateDirectory directory, String event, String agent) {
            try {
                directory.audit(event, Map.of("agent", agent));
            } catch (StateException e) {
                PrintWriter err = spec.commandLine().getErr();
                err.println(Printable.line("gateway: warning: not in the audit log: " + e.getMessage()));
                err.flush();
            }
        }

        void print(List<String> words, Map<String, Object> fields) {
            PrintWriter out = spec.commandLine().getOut();
            (json ? List.of(JSON.writeValueAsString(fields)) : words).forEach(l -> out.println(Printable.escape(l)));
            out.flush();
        }

        ParameterException wrong(IllegalArgumentException e) {
            return new ParameterException(spec.commandLine(), Printable.line(String.valueOf(e.getMessage())));
        }

        static Map<String, Object> fields(String agent, boolean changed) {
            Map<String, Object> fields = new LinkedHashMap<>();
            fields.put("agent", agent);
            fields.put("changed", changed);
            return fields;
        }
    }

    /** What changes which agents are drained. */
    abstract static class Change extends OnState {
        @Parameters(paramLabel = "NAME[/INSTANCE]", description = "The agent, or one of its instances.")
        String agent = "";

        /** @return whether it was otherwise before */
        abstract boolean change(DrainedAgents drained) throws StateException;

        /** What the audit log calls it. */
        abstract String event();

        /** @param now what is drained after it */
        abstract String words(boolean changed, DrainedAgents.Content now);

        @Override
        public final Integer call() throws IOException {
            try {
                StateDirectory directory = open();
                boolean changed = change(directory.drainedAgents());
                if (changed) {
                    audit(directory, event(), agent);
                }
                print(List.of(words(changed, directory.drainedAgents().read())), fields(agent, changed));
                return 0;
            } catch (IllegalArgumentException e) {
                throw wrong(e);
            }
        }
    }

    /** {@code gateway agent drain}. */
    @Command(
            name = "drain",
            description = {
                "Gives an agent, or one instance of it, no new flows. What runs goes on until it ends by itself.",
                "An instance is named as 'gateway status' does; it is another when the agent's process is started again."
            },
            mixinStandardHelpOptions = true)
    static final class Drain extends Change {
        @Override
        boolean change(DrainedAgents drained) throws StateException {
            return drained.add(agent);
        }

        @Override
        String event() {
            return "agent-drained";
        }

        @Override
        String words(boolean changed, DrainedAgents.Content now) {
            return changed
                    ? agent + " gets no new flows; undo it with gateway agent resume " + agent
                    : agent + " is drained already";
        }
    }

    /** {@code gateway agent resume}. */
    @Command(
            name = "resume",
            description = "Gives an agent, and each of its instances, or one instance of it new flows again.",
            mixinStandardHelpOptions = true)
    static final class Resume extends Change {
        @Override
        boolean change(DrainedAgents drained) throws StateException {
            return drained.remove(agent);
        }

        @Override
        String event() {
            return "agent-resumed";
        }

        @Override
        String words(boolean changed, DrainedAgents.Content now) {
            int slash = agent.indexOf('/');
            String whole = slash < 0 ? agent : agent.substring(0, slash);
            if (now.holds(whole, null)) {
                return agent + " still gets no new flows: all of its agent's instances are drained; end that with"
                        + " gateway agent resume " + whole;
            }
            return agent + (changed ? " gets new flows again" : " is not drained");
        }
    }

    /** {@code gateway agent list}. */
    @Command(
            name = "list",
            description = "Lists the agents and instances that get no new flows.",
            mixinStandardHelpOptions = true)
    static final class ListAll extends OnState {
        @Override
        public Integer call() throws IOException {
            List<String> all =
                    List.copyOf(new TreeSet<>(open().drainedAgents().read().entries()));
            print(all.isEmpty() ? List.of("no agent is drained") : all, Map.of("drained", all));
            return 0;
        }
    }
}
