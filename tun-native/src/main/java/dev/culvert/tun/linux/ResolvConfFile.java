package dev.culvert.tun.linux;

import dev.culvert.text.FileError;
import dev.culvert.tun.undo.UndoStep.RestoreResolvConf;
import dev.culvert.tun.undo.UndoStep.RestoreResolvConf.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;

/**
 * A resolv.conf(5) that is replaced by ours and put back. A file takes the other's place by rename, so that no program ever sees half of
 * one. Where that cannot be, as the file is mounted by itself (containers, {@code ip netns exec}), it is written into, in an order in
 * which whatever a crash leaves is still known to be ours. Blocks.
 */
final class ResolvConfFile {
    /** How ours begins: by this it is known. */
    static final String HEADER = "# Made by Culvert's client, while it is up: 'client down' puts back what was here.\n";

    /** In the line behind: which record of which journal puts back what was there. Whatever network namespace that was written in. */
    private static final String MARK = "# Its record: ";

    /** Of a new file, until it takes its place. */
    private static final String NEW = ".culvert-new";

    private static final int USUAL_MODE = 0644;

    /** Called before each step that changes something; a test ends the process there, or has it refused. */
    interface Steps {
        /** @param step what comes next, such as {@link #RENAME} */
        void next(String step) throws IOException;
    }

    static final String RENAME = "rename";

    private final Path path;
    private final Steps steps;

    ResolvConfFile(Path path) {
        this(path, step -> {});
    }

    ResolvConfFile(Path path, Steps steps) {
        this.path = path;
        this.steps = steps;
    }

    /** What is there now, as the step that would put it back. */
    RestoreResolvConf read() throws IOException {
        try {
            if (Files.isSymbolicLink(path)) {
                return step(Kind.LINK, Files.readSymbolicLink(path).toString(), 0, 0, 0);
            }
            Map<String, Object> attributes = Files.readAttributes(path, "unix:mode,uid,gid", LinkOption.NOFOLLOW_LINKS);
            return step(
                    Kind.FILE,
                    text(path),
                    number(attributes, "mode") & 07777,
                    number(attributes, "uid"),
                    number(attributes, "gid"));
        } catch (NoSuchFileException e) {
            return step(Kind.NOTHING, "", 0, 0, 0);
        }
    }

    private RestoreResolvConf step(Kind kind, String content, int mode, int uid, int gid) throws IOException {
        try {
            return new RestoreResolvConf(path.toString(), kind, content, mode, uid, gid, "");
        } catch (IllegalArgumentException e) {
            throw new IOException("read " + path + ": it holds " + e.getMessage() + "; move it away", e);
        }
    }

    private static int number(Map<String, Object> attributes, String name) {
        return attributes.get(name) instanceof Number n ? n.intValue() : 0;
    }

    /** What programs read there, also through a link; empty when there is nothing. */
    String effective() throws IOException {
        try {
            return text(path);
        } catch (NoSuchFileException e) {
            return "";
        }
    }

    private static String text(Path file) throws IOException {
        if (Files.size(file) > RestoreResolvConf.MAX_CONTENT) {
            throw new IOException(
                    "read " + file + ": more than " + RestoreResolvConf.MAX_CONTENT + " bytes; that is no resolv.conf");
        }
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }

    static boolean isOurs(RestoreResolvConf there) {
        return there.kind() == Kind.FILE && there.content().startsWith(HEADER);
    }

    /** How one of ours begins. */
    static String header(String mark) {
        return mark.isEmpty() ? HEADER : HEADER + MARK + mark + "\n";
    }

    /** What is there is known by this; empty if it is not ours, or of a version that did not mark them. */
    static String mark(RestoreResolvConf there) {
        String marked = HEADER + MARK;
        if (!isOurs(there) || !there.content().startsWith(marked)) {
            return "";
        }
        int end = there.content().indexOf('\n', marked.length());
        String mark = end < 0 ? "" : there.content().substring(marked.length(), end);
        return RestoreResolvConf.isMark(mark) ? mark : "";
    }

    /** Whether what is there is the very file that this step takes the place of. */
    boolean isOf(RestoreResolvConf step) throws IOException {
        return !step.mark().isEmpty() && mark(read()).equals(step.mark());
    }

    /** @param text ours, which begins with {@link #HEADER} */
    void write(String text) throws IOException {
        if (!replaced(text, USUAL_MODE, 0, 0)) {
            RestoreResolvConf there = read();
            if (there.kind() != Kind.FILE) {
                throw new IOException("write " + path + ": it cannot be replaced, and is no file that could be written;"
                        + " is its file system read-only?");
            }
            overwrite(text);
        }
    }

    /** The whole of the new content first: what a crash leaves begins with {@link #HEADER}. */
    private void overwrite(String text) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
            steps.next("write");
            put(file, text);
            steps.next("truncate");
            file.truncate(text.length());
            file.force(true);
        } catch (FileSystemException e) {
            throw refused(e);
        }
    }

    /** Puts back what was there, if what is there is ours still, and not that of another record. */
    void restore(RestoreResolvConf before) throws IOException {
        discardFresh();
        RestoreResolvConf there = read();
        boolean torn = there.kind() == Kind.FILE
                && before.kind() == Kind.FILE
                && (HEADER.startsWith(there.content()) || before.content().startsWith(there.content()));
        String mark = mark(there);
        boolean another = !mark.isEmpty() && !mark.equals(before.mark());
        if (another || !isOurs(there) && !torn) {
            return; // somebody else has seen to it
        }
        switch (before.kind()) {
            case NOTHING -> {
                steps.next("delete");
                try {
                    Files.deleteIfExists(path);
                } catch (FileSystemException e) {
                    throw refused(e);
                }
            }
            case LINK -> {
                steps.next("link");
                if (!linked(before.content())) {
                    throw new IOException("put back " + path + ": it cannot be replaced; make it a link to "
                            + before.content() + " yourself");
                }
            }
            case FILE -> {
                if (!replaced(before.content(), before.mode(), before.uid(), before.gid())) {
                    rewrite(before.content());
                }
            }
        }
    }

    private boolean linked(String target) throws IOException {
        try {
            Files.createSymbolicLink(fresh(), Path.of(target));
        } catch (FileSystemException e) {
            return false;
        }
        return moved();
    }

    /** Nothing first: what a crash leaves is nothing, or the beginning of what was there. */
    private void rewrite(String text) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
            steps.next("truncate");
            file.truncate(0);
            steps.next("write");
            put(file, text);
            file.force(true);
        } catch (FileSystemException e) {
            throw refused(e);
        }
    }

    private static void put(FileChannel file, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1));
        while (bytes.hasRemaining()) {
            file.write(bytes, bytes.position());
        }
    }

    /** @return whether that could be; if not, nothing has changed */
    private boolean replaced(String text, int mode, int uid, int gid) throws IOException {
        Path fresh = fresh();
        try {
            discardFresh();
            steps.next("create");
            try (FileChannel file = FileChannel.open(
                    fresh, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)) {
                put(file, text);
                set(fresh, "unix:uid", uid);
                set(fresh, "unix:gid", gid);
                set(fresh, "unix:mode", mode);
                file.force(true);
            }
        } catch (FileSystemException e) {
            discardFresh();
            return false; // the directory is not to be written, but the file may be
        }
        return moved();
    }

    /** An owner who is kept from giving files away is the owner anyway. */
    private static void set(Path file, String attribute, int value) {
        try {
            if (!Integer.valueOf(value).equals(Files.getAttribute(file, attribute, LinkOption.NOFOLLOW_LINKS))) {
                Files.setAttribute(file, attribute, value, LinkOption.NOFOLLOW_LINKS);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private boolean moved() throws IOException {
        Path fresh = fresh();
        try {
            steps.next(RENAME);
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            discardFresh(); // EBUSY: it is mounted by itself
            return false;
        }
        try (FileChannel directory = FileChannel.open(fresh.resolveSibling("."), StandardOpenOption.READ)) {
            directory.force(true);
        }
        return true;
    }

    /** In a directory that is not to be written there is none. */
    private void discardFresh() throws IOException {
        if (Files.exists(fresh(), LinkOption.NOFOLLOW_LINKS)) {
            Files.deleteIfExists(fresh());
        }
    }

    private Path fresh() {
        return path.resolveSibling(path.getFileName() + NEW);
    }

    private IOException refused(FileSystemException e) {
        return new IOException("write " + path + ": " + FileError.reason(e) + "; run as root", e);
    }
}
