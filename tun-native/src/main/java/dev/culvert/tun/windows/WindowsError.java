package dev.culvert.tun.windows;

/** Codes of winerror.h that are met here, and what each means, for people. */
final class WindowsError {
    static final int ERROR_FILE_NOT_FOUND = 2;
    static final int ERROR_ACCESS_DENIED = 5;
    static final int ERROR_INVALID_HANDLE = 6;
    static final int ERROR_NOT_ENOUGH_MEMORY = 8;
    static final int ERROR_INVALID_DATA = 13;
    static final int ERROR_HANDLE_EOF = 38;
    static final int ERROR_INVALID_PARAMETER = 87;
    static final int ERROR_BUFFER_OVERFLOW = 111;
    static final int ERROR_ALREADY_EXISTS = 183;
    static final int ERROR_NO_MORE_ITEMS = 259;
    static final int ERROR_INVALID_IMAGE_HASH = 577;
    static final int ERROR_NOT_FOUND = 1168;
    static final int ERROR_ALREADY_INITIALIZED = 1247;
    static final int ERROR_OBJECT_ALREADY_EXISTS = 5010;

    private WindowsError() {}

    /** In words; a code that is not known here as its number alone, which {@code net helpmsg} explains. */
    static String text(int code) {
        String words = switch (code) {
            case ERROR_FILE_NOT_FOUND -> "not found";
            case ERROR_ACCESS_DENIED -> "access is denied";
            case ERROR_INVALID_HANDLE -> "the handle is invalid";
            case ERROR_NOT_ENOUGH_MEMORY -> "not enough memory";
            case ERROR_INVALID_DATA -> "the data is invalid";
            case ERROR_HANDLE_EOF -> "the end of the file is reached";
            case ERROR_INVALID_PARAMETER -> "a parameter is incorrect";
            case ERROR_BUFFER_OVERFLOW -> "there is no room";
            case ERROR_ALREADY_EXISTS, ERROR_OBJECT_ALREADY_EXISTS -> "it exists already";
            case ERROR_NO_MORE_ITEMS -> "there are no more";
            case ERROR_INVALID_IMAGE_HASH -> "the signature of a driver is not accepted";
            case ERROR_NOT_FOUND -> "it does not exist";
            case ERROR_ALREADY_INITIALIZED -> "it is in use already";
            default -> "see: net helpmsg " + code;
        };
        return words + " (Windows error " + code + ")";
    }
}
