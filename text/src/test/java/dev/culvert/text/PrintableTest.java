package dev.culvert.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PrintableTest {
    /** Written another way than the code: by the regular expressions' names of the categories. */
    private static final Pattern UNSEEN = Pattern.compile("[\\p{C}\\p{Zl}\\p{Zp}]|(?! )\\p{Zs}");

    @ParameterizedTest
    @CsvSource({
        "1b, \\u001b",
        "7, \\u0007",
        "d, \\u000d",
        "a, \\u000a",
        "9, \\u0009",
        "0, \\u0000",
        "7f, \\u007f",
        "85, \\u0085",
        "9b, \\u009b",
        "ad, \\u00ad",
        "a0, \\u00a0",
        "200d, \\u200d",
        "2028, \\u2028",
        "2029, \\u2029",
        "202e, \\u202e",
        "2066, \\u2066",
        "feff, \\ufeff",
        "d800, \\ud800",
        "dfff, \\udfff",
        "e000, \\ue000",
        "fffe, \\ufffe",
        "e0041, \\udb40\\udc41",
        "10ffff, \\udbff\\udfff",
    })
    void escapesWhatIsNotSeen(String codePoint, String escaped) {
        String text = Character.toString(Integer.parseInt(codePoint, 16));
        assertThat(Printable.escape("a" + text + "b")).isEqualTo("a" + escaped + "b");
    }

    @Test
    void leavesLettersOfAllScriptsAndItsOwnEscapes() {
        for (String text :
                new String[] {"", "office", "Büro \\u001b", "オフィス", "офис", "مكتب", "\uD83D\uDE00", "C:\\temp"}) {
            assertThat(Printable.escape(text)).isEqualTo(text);
        }
    }

    @Test
    void cutsBetweenCharacters() {
        assertThat(Printable.shorten("x".repeat(80))).isEqualTo("x".repeat(80));
        assertThat(Printable.shorten("x".repeat(81))).isEqualTo("x".repeat(80) + "...");
        assertThat(Printable.shorten("x".repeat(79) + "\uD83D\uDE00")).isEqualTo("x".repeat(79) + "...");
        assertThat(Printable.line("\u0007".repeat(1 << 20))).hasSize(6 * Printable.MAX_LINE + 3);
    }

    @Test
    void nothingUnseenIsLeftOfWhateverComes() {
        Random random = new Random(14);
        for (int round = 0; round < 20_000; round++) {
            StringBuilder text = new StringBuilder();
            for (int i = random.nextInt(12); i > 0; i--) {
                switch (random.nextInt(4)) {
                    case 0 -> text.append((char) random.nextInt(0x10000));
                    case 1 -> text.appendCodePoint(random.nextInt(0x110000));
                    case 2 -> text.append((char) random.nextInt(0x100));
                    default -> text.append((char) (0x2000 + random.nextInt(0x70)));
                }
            }
            String once = Printable.escape(text.toString());
            assertThat(UNSEEN.matcher(once).find()).as(text.toString()).isFalse();
            assertThat(Printable.escape(once)).isEqualTo(once);
        }
    }
}
