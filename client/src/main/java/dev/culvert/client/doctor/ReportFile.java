package dev.culvert.client.doctor;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** The texts of a report, in the order in which they were added, and the archive that holds them, without secrets. */
final class ReportFile {
    private static final String CONTENTS = "contents.txt";

    private final Redaction redaction;
    private final Map<String, String> texts = new LinkedHashMap<>();
    private final StringBuilder contents = new StringBuilder();

    ReportFile(Redaction redaction) {
        this.redaction = redaction;
    }

    /**
     * Adds a text.
     *
     * @param name of its file in the archive
     * @param about what it is, in a line for people
     */
    void add(String name, String about, String text) {
        String clean = redaction.clean(text);
        texts.put(name, clean);
        contents.append(
                String.format("%-16s %,9d bytes  %s%n", name, clean.getBytes(StandardCharsets.UTF_8).length, about));
    }

    /** What is in it, a line each. */
    String contents() {
        return contents.toString();
    }

    /**
     * Writes it, readable by its owner only.
     *
     * @throws java.nio.file.FileAlreadyExistsException if there is a file of that name
     */
    void write(Path file) throws IOException {
        boolean posix = file.getFileSystem().supportedFileAttributeViews().contains("posix");
        if (posix) {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        } else {
            Files.createFile(file);
        }
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.WRITE);
                ZipOutputStream zip = new ZipOutputStream(new BufferedOutputStream(out), StandardCharsets.UTF_8)) {
            entry(zip, CONTENTS, redaction.clean(contents()));
            for (Map.Entry<String, String> text : texts.entrySet()) {
                entry(zip, text.getKey(), text.getValue());
            }
        }
    }

    private static void entry(ZipOutputStream zip, String name, String text) throws IOException {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(text.getBytes(StandardCharsets.UTF_8));
        zip.closeEntry();
    }
}
