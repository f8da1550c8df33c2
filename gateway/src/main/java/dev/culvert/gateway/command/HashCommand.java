package dev.culvert.gateway.command;

import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import org.bouncycastle.crypto.generators.OpenBSDBCrypt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code gateway publish hash}: a user of the option {@code basic-auth}. Asks no gateway. */
@Command(
        name = "hash",
        description = {
            "Prints NAME:HASH for the option basic-auth of a publication.",
            "The password is asked for without being shown, or is the first line of standard input when that is no terminal."
        },
        mixinStandardHelpOptions = true)
final class HashCommand implements Callable<Integer> {
    /** bcrypt looks no further. */
    static final int MAX_PASSWORD = 72;

    private static final int SALT = 16;
    private static final String VERSION = "2b";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._@-]{1,64}");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Parameters(index = "0", paramLabel = "NAME", description = "The user: 1 to 64 letters, digits and ._@-")
    String name = "";

    @Option(
            names = "--cost",
            paramLabel = "4..12",
            defaultValue = "10",
            description = "Each more takes twice as long to look at, and to guess. Default: ${DEFAULT-VALUE}.")
    int cost;

    @Override
    public Integer call() throws IOException {
        if (!NAME.matcher(name).matches()) {
            throw new ParameterException(
                    spec.commandLine(), "the name is not one; write 1 to 64 letters, digits and ._@-");
        }
        if (cost < 4 || cost > 12) {
            throw new ParameterException(spec.commandLine(), "--cost is " + cost + "; write a number from 4 to 12");
        }
        Console console = System.console();
        byte[] password = console == null || !isTerminal(console) ? line(System.in) : asked(console);
        PrintWriter out = spec.commandLine().getOut();
        try {
            out.println(line(name, password, cost));
        } finally {
            Arrays.fill(password, (byte) 0);
        }
        out.flush();
        return CommandLine.ExitCode.OK;
    }

    /**
     * The line for the option.
     *
     * @throws IOException with one line for people, when bcrypt cannot take the password
     */
    static String line(String name, byte[] password, int cost) throws IOException {
        if (password.length == 0 || password.length > MAX_PASSWORD) {
            throw new IOException("the password has " + password.length + " bytes; bcrypt takes 1 to " + MAX_PASSWORD
                    + ", choose another");
        }
        byte[] salt = new byte[SALT];
        new SecureRandom().nextBytes(salt);
        return name + ":" + OpenBSDBCrypt.generate(VERSION, password, salt, cost);
    }

    /** The first line, without its end; what is too long is read no further. */
    static byte[] line(InputStream in) throws IOException {
        byte[] bytes = new byte[MAX_PASSWORD + 2];
        int length = 0;
        for (int b = in.read(); b >= 0 && b != '\n' && length < bytes.length; b = in.read()) {
            bytes[length++] = (byte) b;
        }
        if (length > 0 && bytes[length - 1] == '\r') {
            length--;
        }
        byte[] line = Arrays.copyOf(bytes, length);
        Arrays.fill(bytes, (byte) 0);
        return line;
    }

    private static byte[] asked(Console console) throws IOException {
        char[] first = typed(console, "Password: ");
        char[] second = typed(console, "The same again: ");
        try {
            if (!Arrays.equals(first, second)) {
                throw new IOException("the passwords differ: try again");
            }
            ByteBuffer utf8 = StandardCharsets.UTF_8.encode(CharBuffer.wrap(first));
            byte[] password = Arrays.copyOf(utf8.array(), utf8.limit());
            Arrays.fill(utf8.array(), (byte) 0);
            return password;
        } finally {
            Arrays.fill(first, '\0');
            Arrays.fill(second, '\0');
        }
    }

    private static char[] typed(Console console, String question) throws IOException {
        char @Nullable [] answer = console.readPassword("%s", question);
        if (answer == null) {
            throw new IOException("no password was typed: try again");
        }
        return answer;
    }

    /** Java 22 to 24 give a console also where there is no terminal, and a method to ask; before, one meant the other. */
    private static boolean isTerminal(Console console) {
        try {
            return (Boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (NoSuchMethodException e) {
            return true;
        } catch (ReflectiveOperationException e) {
            return false;
        }
    }
}
