package dev.culvert.store.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.Leases;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.time.Instant;
import java.util.Arrays;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The store of a cluster: each document and each binding is a value of an {@link Engine}, under its name, closed by a {@link Seal}.
 * Before anything else is believed of a connection, its mark is looked at, which says that the engine holds this cluster's state.
 *
 * <pre>
 * culvert/mark            that it is a cluster's, and whose
 * culvert/document/NAME   a document
 * culvert/register/NAME/KEY  a binding
 * culvert/lease/NAME      a lease
 * culvert/changes         how often something was written
 * culvert/turn            whose turn it is; culvert/name/NAME who has a name
 * </pre>
 */
public final class ClusterStore implements Store, Closeable {
    private static final String ROOT = "culvert/";
    private static final String MARK = ROOT + "mark";
    private static final String DOCUMENT = ROOT + "document/";
    private static final String REGISTER = ROOT + "register/";
    private static final String CHANGES = ROOT + "changes";
    private static final String TURN = ROOT + "turn";
    private static final String NAME = ROOT + "name/";

    /** A mark is a word. */
    private static final int MAX_MARK = 256;

    private static final byte[] NOTHING = {};

    private final Engine engine;
    private final Seal seal;
    private final Turns turns;
    private final Leases leases;
    private volatile @Nullable Mark mark;

    /** What a connection's mark was. */
    private record Mark(long session, byte[] closed) {}

    /** Touches the engine only when it is asked something. */
    public ClusterStore(Engine engine, ClusterKey key) {
        this.engine = engine;
        this.seal = new Seal(key);
        this.turns = new Turns(engine, TURN, NAME);
        this.leases = new ClusterLeases(engine, seal, this::mark);
    }

    /**
     * Opens the store at an address.
     *
     * @throws StateException if this installation has no engine for it
     */
    public static ClusterStore open(StoreAddress address, ClusterKey key) throws StateException {
        return new ClusterStore(EngineKind.of(address).open(address), key);
    }

    /**
     * Makes the place this cluster's, unless it is already.
     *
     * @throws StateException if it is another's, whose cluster key is another
     */
    public void found() throws StateException {
        engine.put(MARK, seal.close(MARK, 1, UUID.randomUUID().toString()));
        mark();
    }

    /** The mark, which is looked at once for each connection. */
    private Mark mark() throws StateException {
        Mark known = mark;
        long session = engine.session();
        if (known != null && known.session == session) {
            return known;
        }
        byte[] closed = engine.read(MARK, MAX_MARK);
        if (closed.length == 0) {
            throw new StateException(
                    "store " + engine.where() + " holds no cluster: for a new one run token init --store "
                            + engine.where() + "; if it had one, restore it from a dump or a copy");
        }
        if (seal.open(MARK, closed) == null) {
            throw new StateException("store " + engine.where() + " is of a cluster with another cluster key:"
                    + " name that key's file with --cluster-key FILE, or another store or database with --store URL");
        }
        // Of the session before: where another began meanwhile, the mark is looked at once more.
        Mark now = new Mark(session, closed);
        mark = now;
        return now;
    }

    @Override
    public @Nullable String get(Document document) throws StateException {
        mark();
        Read read = read(document);
        return read == null ? null : read.opened.text();
    }

    private record Read(byte[] header, Seal.Opened opened) {}

    private @Nullable Read read(Document document) throws StateException {
        String key = DOCUMENT + document.name();
        byte[] closed = engine.read(key, document.maxSize() + Seal.OVERHEAD + 1);
        if (closed.length == 0) {
            return null;
        }
        if (closed.length > document.maxSize() + Seal.OVERHEAD) {
            throw new StateException(where(document) + " is larger than " + document.maxSize()
                    + " bytes and cannot be what its name says: restore it from a copy");
        }
        Seal.Opened opened = seal.open(key, closed);
        if (opened == null) {
            throw forged(where(document));
        }
        return new Read(Arrays.copyOf(closed, Seal.HEADER), opened);
    }

    /** What is there cannot be opened. */
    static StateException forged(String what) {
        return new StateException(what + " was not written by who has the cluster key, or for another place: somebody"
                + " changes the store; find out who can, and restore it from a copy");
    }

    @Override
    public String require(Document document) throws StateException {
        String text = get(document);
        if (text == null) {
            throw new StateException(where(document) + " is missing: run token init --store " + engine.where());
        }
        return text;
    }

    @Override
    public boolean exists(Document document) throws StateException {
        return version(document) != null;
    }

    @Override
    public void put(Document document, String text) throws StateException {
        // What cannot be read is replaced all the same; but by the next number, where there is one.
        String key = DOCUMENT + document.name();
        mark();
        Turns.Waiting waiting = waiting(document);
        while (true) {
            byte[] header = engine.read(key, Seal.HEADER);
            long revision = header.length < Seal.HEADER ? 0 : Seal.revision(header);
            if (write(document, header, revision, text)) {
                return;
            }
            waiting.pause();
        }
    }

    private Turns.Waiting waiting(Document document) {
        return new Turns.Waiting("a quiet moment to write " + where(document));
    }

    @Override
    public boolean update(Document document, Change change) throws StateException {
        mark();
        Turns.Waiting waiting = waiting(document);
        while (true) {
            Read read = read(document);
            String next = change.of(read == null ? null : read.opened.text());
            if (next == null) {
                return false;
            }
            byte[] header = read == null ? NOTHING : read.header;
            if (write(document, header, read == null ? 0 : read.opened.revision(), next)) {
                return true;
            }
            waiting.pause();
        }
    }

    /** @return whether it was written; else once more */
    private boolean write(Document document, byte[] expected, long before, String text) throws StateException {
        String key = DOCUMENT + document.name();
        byte[] closed = seal.close(key, Math.max(0, before) + 1, text);
        switch (engine.write(key, expected, closed, turns.key(), turns.token(), turns.held(), CHANGES)) {
            case YES:
                return true;
            case LOST:
                throw new StateException(where(document)
                        + " was not written: this took so long that another has its turn" + " meanwhile; try again");
            default:
                return false;
        }
    }

    /** Costs one question to the engine, of some bytes. */
    @Override
    public @Nullable String version(Document document) throws StateException {
        mark();
        byte[] header = engine.read(DOCUMENT + document.name(), Seal.HEADER);
        return header.length == 0 ? null : Seal.version(header);
    }

    @Override
    public Register register(String name, Instant forget, Register.Check check) throws StateException {
        return new Bindings(this, Document.open(name).name(), forget, check);
    }

    /** What a binding's key is called in the engine. */
    static String bindingKey(String register, String key) {
        return REGISTER + register + "/" + key;
    }

    /** What is bound; null if nothing is. */
    @Nullable
    String binding(String register, String key) throws StateException {
        mark();
        String at = bindingKey(register, key);
        byte[] closed = engine.read(at, Bindings.MAX_SIZE);
        return closed.length == 0 ? null : opened(at, closed);
    }

    /** Binds what is not bound. */
    String bind(String register, String key, String value, java.time.Duration life) throws StateException {
        String at = bindingKey(register, key);
        byte[] closed = engine.bind(at, seal.close(at, 1, value), life, MARK, mark().closed, CHANGES);
        if (closed == null) {
            mark = null; // it is no longer what it was when it was looked at
            throw StateException.away(
                    "store " + engine.where() + " has lost its mark: it was emptied or replaced while it was used",
                    new IllegalStateException("mark"));
        }
        return opened(at, closed);
    }

    private String opened(String at, byte[] closed) throws StateException {
        Seal.Opened opened = seal.open(at, closed);
        if (opened == null) {
            throw forged(at + " in " + engine.where());
        }
        return opened.text();
    }

    @Override
    public Leases leases() {
        return leases;
    }

    @Override
    public <T> T locked(Action<T> action) throws StateException {
        mark();
        return turns.locked(action);
    }

    @Override
    public @Nullable Closeable claim(String name) throws StateException {
        mark();
        return turns.claim(Document.open(name).name());
    }

    @Override
    public String where(Document document) {
        return document.name() + " in " + engine.where();
    }

    @Override
    public StateException corrupt(Document document, String what, Throwable cause) {
        return new StateException(
                where(document) + " " + what + ": restore it from a copy", Objects.requireNonNull(cause));
    }

    /** Gives back what this process holds, and ends its connection. */
    @Override
    public void close() {
        turns.close();
        engine.close();
    }
}
