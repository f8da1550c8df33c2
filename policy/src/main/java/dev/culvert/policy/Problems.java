package dev.culvert.policy;

import dev.culvert.text.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/** Collects what is wrong with a file, so that one reading tells all of it. */
final class Problems {
    /** More are no help to anybody, and a file that is not a policy at all has one in each line. */
    static final int MAX_ERRORS = 50;

    /** Known words that a message lists. */
    private static final int MAX_LISTED = 12;

    private final List<PolicyError> errors = new ArrayList<>();

    void add(YamlNode where, String message) {
        if (errors.size() < MAX_ERRORS) {
            errors.add(new PolicyError(where.line(), where.column(), message));
        }
    }

    /** Adds what another parser said of a text. */
    void add(YamlNode where, IllegalArgumentException e) {
        add(where, String.valueOf(e.getMessage()));
    }

    void throwIfAny() throws PolicyException {
        if (!errors.isEmpty()) {
            errors.sort(Comparator.comparingInt(PolicyError::line).thenComparingInt(PolicyError::column));
            throw new PolicyException(errors);
        }
    }

    /** What somebody who wrote this word may have meant: the nearest known one, else all of them. */
    static String meant(String word, Collection<String> known) {
        String best = null;
        int least = Math.max(2, word.length() / 3) + 1;
        for (String candidate : known) {
            int d = distance(word, candidate, least);
            if (d < least) {
                least = d;
                best = candidate;
            }
        }
        if (best != null) {
            return "did you mean '" + Printable.shorten(best) + "'?";
        }
        return known.isEmpty()
                ? "none is defined"
                : "known: "
                        + known.stream()
                                .sorted()
                                .limit(MAX_LISTED)
                                .map(Printable::shorten)
                                .collect(Collectors.joining(", "))
                        + (known.size() > MAX_LISTED ? ", ..." : "");
    }

    /** Edits (insert, delete, replace, swap of neighbours) between two words; at least {@code limit} if there are more. */
    private static int distance(String a, String b, int limit) {
        if (Math.abs(a.length() - b.length()) >= limit || a.length() > 64 || b.length() > 64) {
            return limit;
        }
        int[][] d = new int[a.length() + 1][b.length() + 1];
        for (int i = 0; i <= a.length(); i++) {
            for (int j = 0; j <= b.length(); j++) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                d[i][j] = Math.min(Math.min(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + change);
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    d[i][j] = Math.min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.length()][b.length()];
    }
}
