package dev.culvert.token.state;

import dev.culvert.store.Document;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
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

    /** All blocks of a document, which must be there. */
    public static List<Pem> read(Store store, Document document) throws StateException {
        return parse(store, document, store.require(document));
    }

    /** The blocks of one type in a document; at least one. */
    public static List<Pem> read(Store store, Document document, String type) throws StateException {
        return parse(store, document, store.require(document), type);
    }

    /** The same of a document's text. */
    static List<Pem> parse(Store store, Document document, String text, String type) throws StateException {
        List<Pem> blocks = parse(store, document, text).stream()
                .filter(block -> block.type().equals(type))
                .toList();
        if (blocks.isEmpty()) {
            throw store.corrupt(document, "holds no " + type, new IllegalArgumentException("no PEM block"));
        }
        return blocks;
    }

    private static List<Pem> parse(Store store, Document document, String text) throws StateException {
        try {
            return blocks(text);
        } catch (IllegalArgumentException e) {
            throw store.corrupt(document, String.valueOf(e.getMessage()), e);
        }
    }

    /**
     * All blocks of a text.
     *
     * @throws IllegalArgumentException if one is broken
     */
    static List<Pem> blocks(String text) {
        List<Pem> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text);
        int end = 0;
        while (matcher.find()) {
            byte[] der;
            try {
                der = Base64.getMimeDecoder().decode(matcher.group(2));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("holds a broken " + matcher.group(1), e);
            }
            blocks.add(new Pem(matcher.group(1), text.substring(end, matcher.start()), der));
            end = matcher.end();
        }
        return blocks;
    }
}
