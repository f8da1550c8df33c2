package dev.culvert.token.state;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One block of a PEM file (RFC 7468).
 *
 * @param type its label
 * @param comment the text between the block before and this one
 * @param der what it holds
 */
public record Pem(String type, String comment, byte[] der) {
    public static final String PRIVATE_KEY = "PRIVATE KEY";
    public static final String PUBLIC_KEY = "PUBLIC KEY";

    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]{1,64})-----\\s([A-Za-z0-9+/=\\s]*)-----END \\1-----");

    public static String text(String type, byte[] der) {
        return "-----BEGIN " + type + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der)
                + "\n-----END " + type + "-----\n";
    }

    /** All blocks of a file. */
    public static List<Pem> read(StateFiles files, String name) throws StateException {
        String text = files.read(name);
        List<Pem> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text);
        int end = 0;
        while (matcher.find()) {
            try {
                blocks.add(new Pem(
                        matcher.group(1),
                        text.substring(end, matcher.start()),
                        Base64.getMimeDecoder().decode(matcher.group(2))));
            } catch (IllegalArgumentException e) {
                throw files.corrupt(name, "holds a broken " + matcher.group(1), e);
            }
            end = matcher.end();
        }
        return blocks;
    }

    /** The blocks of one type in a file; at least one. */
    public static List<Pem> read(StateFiles files, String name, String type) throws StateException {
        List<Pem> blocks = read(files, name).stream()
                .filter(block -> block.type().equals(type))
                .toList();
        if (blocks.isEmpty()) {
            throw files.corrupt(name, "holds no " + type, new IllegalArgumentException("no PEM block"));
        }
        return blocks;
    }
}
