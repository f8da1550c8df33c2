package dev.culvert.text;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;

/** What is said of a file that could not be read or written. */
public final class FileError {
    /** The JDK's own words behind those of the system, when symbolic links lead in a circle. */
    private static final String LOOP = " or unable to access attributes of symbolic link";

    private FileError() {}

    /** Why, in the system's words, without the path that the JDK puts there instead. */
    public static String reason(Exception e) {
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (e instanceof NoSuchFileException) {
            return "no such file or directory";
        }
        if (e instanceof FileAlreadyExistsException) {
            return "it exists already";
        }
        if (e instanceof FileSystemException file) {
            String reason = file.getReason();
            return reason == null ? "the system does not say why" : Printable.text(reason.replace(LOOP, ""));
        }
        return Printable.text(
                Objects.requireNonNullElse(e.getMessage(), e.getClass().getSimpleName()));
    }

    /** What helps against it: who may not needs rights, for whom there is no room needs room. */
    public static String cure(Exception e, String forDenied) {
        String reason = reason(e);
        if (e instanceof AccessDeniedException || reason.equals("Operation not permitted")) {
            return forDenied;
        }
        if (reason.startsWith("No space left") || reason.startsWith("Disk quota")) {
            return "make room on its disk";
        }
        if (e instanceof NoSuchFileException) {
            return "make its directory first";
        }
        if (reason.startsWith("Read-only file system")) {
            return "make its file system writable, or choose another directory";
        }
        if (reason.startsWith("Too many levels of symbolic links")) {
            return "mend the symbolic link, which leads to itself";
        }
        if (reason.startsWith("Too many open files")) {
            return "allow more open files (ulimit -n, LimitNOFILE)";
        }
        return e instanceof IOException ? "see to its disk and directory" : forDenied;
    }
}
