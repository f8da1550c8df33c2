package dev.culvert.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A command of Culvert's in a fenced block of a document.
 *
 * @param where file and line, for people
 * @param line as it stands there, without what is said of it behind three blanks or a {@code #}
 * @param program token, gateway, agent or client
 * @param arguments as the shell hands them over
 */
public record DocumentedCommand(String where, String line, String program, List<String> arguments) {
    private static final List<String> PROGRAMS = List.of("token", "gateway", "agent", "client");
    private static final Pattern SAID_OF_IT = Pattern.compile("(?<=\\S)(\\s{3,}.*|\\s+# .*)$");
    private static final Pattern ASSIGNMENT = Pattern.compile("[A-Z_]+=.*");
    private static final String PROXY_COMMAND = "ProxyCommand=";

    /** All of the commands in the README and in docs/. */
    public static List<DocumentedCommand> all(Path root) throws IOException {
        List<DocumentedCommand> all = new ArrayList<>(in(root.resolve("README.md")));
        try (Stream<Path> docs = Files.list(root.resolve("docs"))) {
            for (Path doc :
                    docs.filter(p -> p.toString().endsWith(".md")).sorted().toList()) {
                all.addAll(in(doc));
            }
        }
        return all;
    }

    /** Those of one document, in order. */
    public static List<DocumentedCommand> in(Path document) throws IOException {
        List<DocumentedCommand> all = new ArrayList<>();
        boolean fenced = false;
        boolean shell = false;
        int number = 0;
        for (String line : Files.readAllLines(document)) {
            number++;
            if (line.startsWith("```")) {
                fenced = !fenced;
                shell = fenced && line.equals("```");
            } else if (shell || line.startsWith("    $ ")) {
                String typed = SAID_OF_IT.matcher(line.strip()).replaceFirst("");
                for (List<String> words : simpleCommands(typed.replaceFirst("^\\$ ", ""))) {
                    add(document.getFileName() + ":" + number, typed, words, all);
                }
            }
        }
        return all;
    }

    private static void add(String where, String line, List<String> words, List<DocumentedCommand> all) {
        int at = 0;
        while (at < words.size()
                && (words.get(at).equals("sudo")
                        || words.get(at).equals("do")
                        || ASSIGNMENT.matcher(words.get(at)).matches())) {
            at++;
        }
        for (String word : words) { // ssh has a command as its argument
            if (word.startsWith(PROXY_COMMAND)) {
                simpleCommands(word.substring(PROXY_COMMAND.length())).forEach(inner -> add(where, line, inner, all));
            }
        }
        if (at < words.size()) {
            String program = words.get(at).replaceFirst("^(scripts|/opt/culvert/scripts)/", "");
            List<String> arguments = new ArrayList<>(words.subList(at + 1, words.size()));
            if (program.equals("culvert")) {
                program = !arguments.isEmpty() && PROGRAMS.contains(arguments.get(0)) ? arguments.remove(0) : "client";
            }
            if (PROGRAMS.contains(program)) {
                all.add(new DocumentedCommand(where, line, program, List.copyOf(arguments)));
            }
        }
    }

    /** As much of a shell's grammar as the documents use: words, quotes, and what ends a command. What is redirected is left out. */
    static List<List<String>> simpleCommands(String line) {
        List<List<String>> commands = new ArrayList<>();
        List<String> words = new ArrayList<>();
        StringBuilder word = null;
        char quote = 0;
        for (char c : (line + "\n").toCharArray()) {
            if (quote != 0) {
                if (c == quote) {
                    quote = 0;
                } else {
                    word.append(c);
                }
            } else if (c == '\'' || c == '"') {
                quote = c;
                word = word == null ? new StringBuilder() : word;
            } else if (" \n;|&()<>".indexOf(c) >= 0) {
                if (word != null) {
                    words.add(word.toString());
                    word = null;
                }
                if (c != ' ') {
                    if (!words.isEmpty()) {
                        commands.add(words);
                    }
                    words = new ArrayList<>();
                }
            } else {
                word = (word == null ? new StringBuilder() : word).append(c);
            }
        }
        return commands;
    }
}
