package dev.culvert.command.service;

import dev.culvert.text.Printable;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code service} of a program; what {@code install} needs is the program's own subcommand. */
@Command(
        name = "service",
        description = "Makes this program a service of systemd, which is started at each boot, or ends that.",
        mixinStandardHelpOptions = true,
        subcommands = ServiceCommand.Remove.class,
        footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
public abstract class ServiceCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    /** Used by picocli. */
    protected ServiceCommand() {}

    @Override
    public final void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: install or remove");
    }

    /** Prints what was done. */
    public static void say(CommandSpec spec, List<String> lines) {
        PrintWriter out = spec.commandLine().getOut();
        lines.forEach(line -> out.println(spec.root().name() + ": " + Printable.line(line)));
        out.flush();
    }

    /** {@code service remove}. */
    @Command(
            name = "remove",
            description =
                    "Stops the service, has it started no more, and deletes what 'install' has written. Its state stays.",
            mixinStandardHelpOptions = true,
            footer = "%nExit codes: 0 done, 1 it failed, 2 wrong usage.")
    static final class Remove implements Callable<Integer> {
        @Spec
        CommandSpec spec = CommandSpec.create();

        @Override
        public Integer call() throws IOException {
            say(spec, ServiceUnit.of(spec.root().name()).remove());
            return 0;
        }
    }
}
