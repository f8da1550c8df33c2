package dev.culvert.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A program makes no more of its subcommands than it is asked for, and nobody sees that. */
final class SubcommandsTest {
    @Command(name = "many", mixinStandardHelpOptions = true)
    static final class Many implements Runnable, Subcommands {
        @Override
        public List<Class<?>> subcommands() {
            return List.of(One.class, Two.class);
        }

        @Override
        public void run() {}
    }

    @Command(name = "one", description = "The first.", mixinStandardHelpOptions = true, subcommands = One.Inner.class)
    static final class One implements Runnable {
        @Option(names = "--number", description = "Some number.")
        int number;

        @Override
        public void run() {}

        @Command(name = "inner")
        static final class Inner implements Runnable {
            @Override
            public void run() {}
        }
    }

    @Command(name = "two", mixinStandardHelpOptions = true)
    static final class Two implements Runnable {
        @Override
        public void run() {}
    }

    private static CommandLine only(String... args) {
        return Program.commandLine(new Many(), args);
    }

    private static String said(CommandLine line, String... args) {
        StringWriter text = new StringWriter();
        PrintWriter writer = new PrintWriter(text);
        line.setOut(writer);
        line.setErr(writer);
        int code = line.execute(args);
        writer.flush();
        return code + "\n" + text;
    }

    @Test
    void thatOneAlone() {
        assertThat(only("one", "--number", "1").getSubcommands()).containsOnlyKeys("one");
        assertThat(only("two").getSubcommands()).containsOnlyKeys("two");
        assertThat(only("--version").getSubcommands()).isEmpty();
    }

    @Test
    void allWhereTheyMayBeTold() {
        for (String first : List.of("three", "--help", "completion", "man", "on")) {
            assertThat(only(first).getSubcommands()).as(first).containsOnlyKeys("one", "two", "completion", "man");
        }
        assertThat(only().getSubcommands()).containsOnlyKeys("one", "two", "completion", "man");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "one",
                "one --help",
                "one --number x",
                "one --numbr 1",
                "one inner",
                "one two",
                "two two",
                "--version",
                "--version one",
                "-V",
                "--help",
                "",
                "three",
                "tw",
                "one --version",
                "--number 1 one"
            })
    void theSameIsSaid(String typed) {
        String[] args = typed.isEmpty() ? new String[0] : typed.split(" ");
        assertThat(said(only(args), args)).isEqualTo(said(Program.commandLine(new Many()), args));
    }
}
