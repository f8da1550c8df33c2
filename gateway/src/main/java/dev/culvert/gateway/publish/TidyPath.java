package dev.culvert.gateway.publish;

/**
 * A path as the most generous of servers read it: what is percent-encoded is decoded, a backslash is a slash, what follows a semicolon
 * belongs to no segment's name, and slashes in a row are one. Letters keep their case.
 */
final class TidyPath {
    private TidyPath() {}

    /** @param path perhaps with a query, which is left out */
    static String of(String path) {
        StringBuilder out = new StringBuilder(path.length());
        boolean parameter = false;
        for (int i = 0; i < path.length(); i++) {
            char c = path.charAt(i);
            if (c == '?') {
                break;
            }
            if (c == '%' && i + 2 < path.length()) {
                int high = Character.digit(path.charAt(i + 1), 16);
                int low = Character.digit(path.charAt(i + 2), 16);
                if (high >= 0 && low >= 0) {
                    c = (char) (high << 4 | low);
                    i += 2;
                }
            }
            if (c == '\\') {
                c = '/';
            }
            if (c == '/') {
                parameter = false;
            } else if (c == ';') {
                parameter = true;
            }
            if (!parameter && (c != '/' || out.length() == 0 || out.charAt(out.length() - 1) != '/')) {
                out.append(c);
            }
        }
        return out.toString();
    }
}
