package dev.culvert.command;

import java.util.ArrayList;
import java.util.IllegalFormatException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/** Writes the manual page of a command, man(7) roff, from the same model that its help comes from. */
final class ManPage {
    private final StringBuilder out = new StringBuilder();

    private ManPage() {}

    /** The page of a command and, in sections of their own, of its subcommands. */
    static String of(CommandSpec root) {
        ManPage page = new ManPage();
        String name = root.name();
        page.macro("TH", name.toUpperCase(Locale.ROOT), "1", "", "culvert " + Program.version(root), "Culvert");
        page.macro("SH", "NAME");
        page.line(name + " \\- " + escape(first(root)));
        page.macro("SH", "SYNOPSIS");
        page.synopsis(root);
        page.macro("SH", "DESCRIPTION");
        page.paragraphs(root.usageMessage().description());
        page.arguments(root, "SH", "OPTIONS");
        page.footer(root);
        if (!root.subcommands().isEmpty()) {
            page.macro("SH", "COMMANDS");
            page.subcommands(root);
        }
        return page.out.toString();
    }

    private static String first(CommandSpec spec) {
        String[] description = spec.usageMessage().description();
        return description.length == 0 ? spec.name() : formatted(description[0]).strip();
    }

    private void subcommands(CommandSpec spec) {
        for (Map.Entry<String, CommandLine> entry : spec.subcommands().entrySet()) {
            CommandSpec sub = entry.getValue().getCommandSpec();
            if (!entry.getKey().equals(sub.name()) || sub.usageMessage().hidden()) {
                continue; // an alias, or nothing for people
            }
            macro("SS", sub.qualifiedName());
            synopsis(sub);
            macro("PP");
            paragraphs(sub.usageMessage().description());
            arguments(sub, null, null);
            footer(sub);
            subcommands(sub);
        }
    }

    private void synopsis(CommandSpec spec) {
        List<String> words = new ArrayList<>();
        for (OptionSpec option : options(spec)) {
            String text = bold(option.longestName()) + label(option);
            words.add((option.required() ? text : "[" + text + "]") + (option.isMultiValue() ? "..." : ""));
        }
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            String text = italic(parameter.paramLabel());
            words.add(parameter.arity().min() > 0 ? text : "[" + text + "]");
        }
        if (!spec.subcommands().isEmpty()) {
            words.add("[" + italic("COMMAND") + "]");
        }
        line(bold(spec.qualifiedName()) + " " + String.join(" ", words));
    }

    /** Help and version are the same everywhere and said by convention; they would drown the rest. */
    private static List<OptionSpec> options(CommandSpec spec) {
        return spec.options().stream()
                .filter(o -> !o.hidden() && !o.usageHelp() && !o.versionHelp())
                .toList();
    }

    private void arguments(CommandSpec spec, @Nullable String macro, @Nullable String heading) {
        List<OptionSpec> options = options(spec);
        if (macro != null && heading != null && !options.isEmpty()) {
            macro(macro, heading);
        }
        for (PositionalParamSpec parameter : spec.positionalParameters()) {
            entry(italic(parameter.paramLabel()), parameter);
        }
        for (OptionSpec option : options) {
            List<String> names = new ArrayList<>();
            for (String name : option.names()) {
                names.add(bold(name) + label(option));
            }
            entry(String.join(", ", names), option);
        }
    }

    private static String label(OptionSpec option) {
        return option.arity().max() == 0 ? "" : " " + italic(option.paramLabel());
    }

    private void entry(String tag, ArgSpec argument) {
        macro("TP");
        line(tag);
        for (String text : argument.description()) {
            line(escape(rendered(text, argument)));
        }
    }

    /** As picocli does it: a text that is no format stands as it is. */
    static String formatted(String text) {
        try {
            return String.format(text);
        } catch (IllegalFormatException e) {
            return text;
        }
    }

    /** The variables that descriptions may hold, as picocli's help renders them. */
    private static String rendered(String text, ArgSpec argument) {
        StringJoiner candidates = new StringJoiner(", ");
        if (argument.completionCandidates() != null) {
            argument.completionCandidates().forEach(candidates::add);
        }
        return formatted(text.replace("${DEFAULT-VALUE}", String.valueOf(argument.defaultValueString(true)))
                .replace("${COMPLETION-CANDIDATES}", candidates.toString())
                .replace("${ROOT-COMMAND-NAME}", argument.command().root().name())
                .replace("$$", "$"));
    }

    private void paragraphs(String[] texts) {
        for (String text : texts) {
            line(escape(formatted(text)));
        }
    }

    /** Examples are laid out by hand: shown as they are, without filling. */
    private void footer(CommandSpec spec) {
        List<String> lines = new ArrayList<>();
        lines.addAll(lines(spec.usageMessage().footerHeading()));
        for (String text : spec.usageMessage().footer()) {
            lines.addAll(lines(text));
        }
        while (!lines.isEmpty() && lines.get(0).isBlank()) {
            lines.remove(0);
        }
        if (!lines.isEmpty()) {
            macro("PP");
            macro("nf");
            lines.forEach(text -> line(text.isEmpty() ? "\\&" : escape(text)));
            macro("fi");
        }
    }

    private static List<String> lines(String text) {
        return formatted(text).lines().toList();
    }

    private void macro(String name, String... arguments) {
        out.append('.').append(name);
        for (String argument : arguments) {
            out.append(" \"").append(escape(argument).replace("\"", "\\(dq")).append('"');
        }
        out.append('\n');
    }

    /** A line of text, which must not begin with a control character (groff_char(7), man(7)). */
    private void line(String escaped) {
        if (escaped.startsWith(".") || escaped.startsWith("'")) {
            out.append("\\&");
        }
        out.append(escaped).append('\n');
    }

    private static String bold(String text) {
        return "\\fB" + escape(text) + "\\fR";
    }

    private static String italic(String text) {
        return "\\fI" + escape(text) + "\\fR";
    }

    /** Options are typed as they stand: a hyphen must stay the ASCII one, so that it can be copied and searched. */
    private static String escape(String text) {
        StringBuilder escaped = new StringBuilder(text.length() + 8);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\\' -> escaped.append("\\e");
                case '-' -> escaped.append("\\-");
                case '\'' -> escaped.append("\\(aq");
                case '`' -> escaped.append("\\(ga");
                case '^' -> escaped.append("\\(ha");
                case '~' -> escaped.append("\\(ti");
                case '\n' -> escaped.append(' ');
                default -> {
                    if (c < 0x80) {
                        escaped.append(c);
                    } else {
                        escaped.append(String.format("\\[u%04X]", (int) c));
                    }
                }
            }
        }
        return escaped.toString();
    }
}
