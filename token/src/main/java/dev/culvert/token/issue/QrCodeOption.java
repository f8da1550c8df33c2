package dev.culvert.token.issue;

import io.nayuki.qrcodegen.DataTooLongException;
import io.nayuki.qrcodegen.QrCode;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The option {@code --qr}, for use as a picocli mixin: a token as a picture for a camera. */
final class QrCodeOption {
    /** ISO/IEC 18004 asks for four modules of silence around the code. */
    private static final int QUIET = 4;

    /** Dark on light whatever the terminal's colours are: not every reader takes an inverted code. */
    private static final String LIGHT_ON_DARK = "\u001b[97;40m";

    private static final String PLAIN = "\u001b[0m";

    @Option(
            names = "--qr",
            description = "Show the token as a QR code on standard output, for the camera of another device.")
    boolean wanted;

    /**
     * The picture; null if none is wanted.
     *
     * @throws IOException if it would be larger than QR codes or the terminal are
     */
    @Nullable
    String draw(CommandSpec spec, String text) throws IOException {
        if (!wanted) {
            return null;
        }
        QrCode code;
        try {
            code = QrCode.encodeText(text, QrCode.Ecc.LOW);
        } catch (DataTooLongException e) {
            throw new IOException(
                    "the token has " + text.length() + " characters, a QR code holds 2953:"
                            + " give fewer or wider grants, or copy the file of --out instead",
                    e);
        }
        int width = code.size + 2 * QUIET;
        boolean terminal = Boolean.getBoolean("culvert.terminal");
        int columns = spec.commandLine().getUsageHelpWidth();
        if (terminal && columns < width) {
            throw new IOException("the QR code is " + width + " columns wide, the terminal has " + columns
                    + ": make the window wider or its letters smaller, or give fewer grants");
        }
        return draw(code, terminal);
    }

    /** Two modules a character, one above the other, since characters are about twice as high as wide. */
    private static String draw(QrCode code, boolean terminal) {
        StringBuilder out = new StringBuilder();
        for (int y = -QUIET; y < code.size + QUIET; y += 2) {
            out.append(terminal ? LIGHT_ON_DARK : "");
            for (int x = -QUIET; x < code.size + QUIET; x++) {
                boolean upper = code.getModule(x, y);
                boolean lower = code.getModule(x, y + 1);
                out.append(upper ? lower ? ' ' : '\u2584' : lower ? '\u2580' : '\u2588');
            }
            out.append(terminal ? PLAIN : "").append(System.lineSeparator());
        }
        return out.toString();
    }
}
