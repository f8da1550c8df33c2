package dev.culvert.token.holder;

import dev.culvert.text.Printable;
import dev.culvert.token.sign.TokenCodec;
import dev.culvert.token.sign.TokenReader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * From what an editor, a shell or a mail program made of a token back to its text. What does no harm is taken: a byte order
 * mark, white space around it, lines that it was folded into, {@code culvert://} before it. Of anything else it is said what it is. Whether the text is a
 * token, {@link TokenReader} says.
 */
public final class TokenInput {
    /** The longest token, and as much white space. */
    static final int MAX_BYTES = 2 * TokenCodec.MAX_LENGTH;

    private static final char BYTE_ORDER_MARK = '\ufeff';

    /** Three parts in base64url (RFC 7515 section 7.1), of which the last is an Ed25519 signature: 64 bytes. So its end is known. */
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]{86}");

    private static final Pattern PIECE = Pattern.compile("[A-Za-z0-9_.-]+");

    private static final String ONLY = ": put only the token there, as 'token client' or 'token agent' printed it";

    /** Before a token in what a camera reads of its QR code, so that the device knows for which program it is. */
    public static final String SCHEME = "culvert://";

    private TokenInput() {}

    /**
     * The text of a token in a file.
     *
     * @param bytes at most one more than {@link #MAX_BYTES}
     * @param where said in errors
     * @param warn told in one line what was mended
     */
    static String of(byte[] bytes, String where, Consumer<String> warn) throws SecretException {
        if (bytes.length > MAX_BYTES) {
            throw new SecretException(where + " holds more than " + MAX_BYTES + " bytes, a token has at most "
                    + TokenCodec.MAX_LENGTH + ONLY);
        }
        if (isWide(bytes)) {
            throw new SecretException(where + " is in UTF-16 or UTF-32, as PowerShell's > and some editors write it:"
                    + " save it as UTF-8 or ASCII (PowerShell: | Out-File -Encoding ascii FILE)");
        }
        for (byte b : bytes) {
            if (b >= 0 && b < ' ' && !Character.isWhitespace(b) || b == 0x7f) {
                throw new SecretException(where + " is not text" + ONLY);
            }
        }
        return of(new String(bytes, StandardCharsets.UTF_8), where, warn);
    }

    /** By its byte order mark, or since every other byte of ASCII in UTF-16 is 0, and three of four in UTF-32. */
    private static boolean isWide(byte[] b) {
        if (b.length < 2) {
            return false;
        }
        int first = b[0] & 0xff;
        int second = b[1] & 0xff;
        return first == 0xff && second == 0xfe
                || first == 0xfe && second == 0xff
                || b.length % 2 == 0 && (alternatesWithZero(b, 0) || alternatesWithZero(b, 1))
                || b.length % 4 == 0 && zerosOfFour(b) == 3;
    }

    private static int zerosOfFour(byte[] b) {
        int zeros = 0;
        for (int i = 0; i < 4; i++) {
            zeros += b[i] == 0 ? 1 : 0;
        }
        return zeros;
    }

    private static boolean alternatesWithZero(byte[] b, int zeroAt) {
        for (int i = 0; i < b.length; i++) {
            if (b[i] == 0 != (i % 2 == zeroAt)) {
                return false;
            }
        }
        return true;
    }

    /** As {@link #of(byte[], String, Consumer)}, of the environment's. */
    static String of(String text, String where, Consumer<String> warn) throws SecretException {
        String bare = !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
        String stripped = bare.strip();
        boolean link = stripped.regionMatches(true, 0, SCHEME, 0, SCHEME.length());
        List<String> lines = (link ? stripped.substring(SCHEME.length()) : stripped)
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .toList();
        if (lines.isEmpty()) {
            throw new SecretException(where + " is empty: put the text there that token client or token agent printed");
        }
        String token = lines.size() == 1 ? lines.get(0) : unfold(lines, where, warn);
        if (!PIECE.matcher(token).matches()) {
            int stranger =
                    token.codePoints().filter(c -> !isOfToken(c)).findFirst().orElseThrow();
            throw new SecretException(where + " holds '" + Printable.escape(Character.toString(stranger))
                    + "', which is in no token" + ONLY);
        }
        if (token.length() > TokenCodec.MAX_LENGTH) {
            throw new SecretException(where + " holds " + token.length() + " characters, a token has at most "
                    + TokenCodec.MAX_LENGTH + ONLY);
        }
        return token;
    }

    private static boolean isOfToken(int c) {
        return PIECE.matcher(Character.toString(c)).matches();
    }

    /** Lines are joined only if together, and in no other way, they are one token. */
    private static String unfold(List<String> lines, String where, Consumer<String> warn) throws SecretException {
        long whole =
                lines.stream().filter(line -> TOKEN.matcher(line).matches()).count();
        if (whole > 1) {
            throw new SecretException(where + " holds " + whole + " tokens: put one there");
        }
        String joined = String.join("", lines);
        boolean pieces = lines.stream().allMatch(line -> PIECE.matcher(line).matches());
        if (whole == 0 && pieces && TOKEN.matcher(joined).matches()) {
            warn.accept(where + " holds a token in " + lines.size() + " lines, which are read as one");
            return joined;
        }
        if (lines.stream().limit(lines.size() - 1L).allMatch(line -> line.endsWith("="))) {
            throw new SecretException(
                    where + " holds lines that a mail program has folded (quoted-printable, each ends in '=')" + ONLY);
        }
        throw new SecretException(where + " holds " + lines.size() + " lines, which are not one token" + ONLY);
    }
}
