package dev.culvert.store.cluster;

import dev.culvert.store.Document;
import dev.culvert.store.Leases;
import dev.culvert.store.Register;
import dev.culvert.store.StateException;
import dev.culvert.store.Store;
import java.io.Closeable;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The store of a cluster: each document and each binding is a value of an {@link Engine}, under its name, closed by a {@link Seal}.
 * Before anything else is believed of a connection, its mark is looked at, which says that the engine holds this cluster's state; and what this
 * process has seen of it, {@link CopiedValues} does not take back.
 *
 * <pre>
 * culvert/mark            that it is a cluster's, and whose
 * culvert/merged          the run of the engine in which all is put back that gateways held of the one before
 * culvert/document/NAME   a document
 * culvert/register/NAME/KEY  a binding
 * culvert/lease/NAME      a lease
 * culvert/changes         how often something was written
 * culvert/turn            whose turn it is; culvert/name/NAME who has a name
 * </pre>
 */
public final class ClusterStore implements Store, Closeable {
    private static final String ROOT = "culvert/";
    static final String MARK = ROOT + "mark";
    static final String MERGED = ROOT + "merged";
    static final String DOCUMENT = ROOT + "document/";
    static final String REGISTER = ROOT + "register/";
    static final String CHANGES = ROOT + "changes";
    static final String TURN = ROOT + "turn";
    private static final String NAME = ROOT + "name/";

    private static final byte[] NOTHING = {};

    private final Engine engine;
    private final Seal seal;
    private final Turns turns;
    private final Leases leases;
    private final CopiedValues values;
    private @Nullable Follower follower;

    ClusterStore(Engine engine, Seal seal, CopiedValues values) {
        this.engine = engine;
        this.seal = seal;
        this.turns = new Turns(engine, TURN, NAME);
        this.values = values;
        this.leases = new ClusterLeases(engine, seal, values::ready);
    }

    /** Of a command: touches the engine only when it is asked something, and has no copy. */
    public ClusterStore(Engine engine, ClusterKey key) {
        this(engine, new Seal(key));
    }

    private ClusterStore(Engine engine, Seal seal) {
        this(engine, seal, values(engine, seal, LastCopy.none(), false, Map.of()));
    }

    private static CopiedValues values(
            Engine engine, Seal seal, LastCopy copy, boolean follows, Map<String, Union> unions) {
        return new CopiedValues(
                engine,
                seal,
                new Merge(seal, unions),
                copy,
                follows,
                CopiedValues.SETTLE,
                Clock.systemUTC(),
                System::nanoTime);
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
     * Opens the store of a process that serves, which keeps a copy of it in a directory, goes on by that while the store is away, and puts back what
     * the store loses. Looks for it; where it is not to be found, and there is no copy, whoever reads is told so.
     *
     * @param unions of documents that only grow, by their names
     */
    public static ClusterStore follow(Engine engine, ClusterKey key, Path directory, Map<String, Union> unions) {
        Seal seal = new Seal(key);
        CopiedValues values = values(engine, seal, LastCopy.in(directory, seal), true, unions);
        ClusterStore store = new ClusterStore(engine, seal, values);
        values.follow();
        Follower follower = new Follower(values);
        follower.start();
        store.follower = follower;
        return store;
    }

    /**
     * Makes the place this cluster's, unless it is already.
     *
     * @param alone whether the cluster key was made just now, so that nobody can hold a copy of what was here; else a place that holds nothing is
     *     waited for, see {@link CopiedValues#SETTLE}
     * @throws StateException if it is another's, whose cluster key is another
     */
    public void found(boolean alone) throws StateException {
        values.found(alone, seal.close(MARK, 1, UUID.randomUUID().toString()));
    }

    /** How it stands with it, as far as this process knows. */
    public StoreStatus status() {
        return values.status();
    }

    /** Whether a key is a binding's. */
    static boolean isBinding(String key) {
        return key.startsWith(REGISTER);
    }

    /** The name of the document that a key is of. */
    static String documentName(String key) {
        return key.substring(Math.min(key.length(), DOCUMENT.length()));
    }

    @Override
    public @Nullable String get(Document document) throws StateException {
        Read read = read(document);
        return read == null ? null : read.opened.text();
    }

    private record Read(byte[] header, Seal.Opened opened) {}

    private @Nullable Read read(Document document) throws StateException {
        String key = DOCUMENT + document.name();
        byte[] closed = values.read(key, document.maxSize() + Seal.OVERHEAD + 1);
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
        return new Read(CopiedValues.head(closed), opened);
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
        // What cannot be read is replaced all the same, and by a revision above all that somebody may hold a copy of.
        String key = DOCUMENT + document.name();
        Turns.Waiting waiting = waiting(document);
        while (true) {
            byte[] there = values.read(key, document.maxSize() + Seal.OVERHEAD + 1);
            Seal.Opened opened = seal.open(key, there);
            long before = there.length == 0 ? 0 : opened == null ? Instant.now().toEpochMilli() : opened.revision();
            if (write(document, CopiedValues.head(there), before, text)) {
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
        byte[] closed = seal.close(key, before + 1, text);
        switch (values.write(key, expected, closed, turns.token(), turns.held(document.name()))) {
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
        byte[] header = values.read(DOCUMENT + document.name(), Seal.HEADER);
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
        String at = bindingKey(register, key);
        byte[] closed = values.read(at, Bindings.MAX_SIZE);
        return closed.length == 0 ? null : opened(at, closed);
    }

    /**
     * Binds what is not bound.
     *
     * @param now by the clock of this machine: of two bindings that were made while gateways did not see each other, the earlier stands
     */
    String bind(String register, String key, String text, Duration life, Instant now) throws StateException {
        String at = bindingKey(register, key);
        return opened(at, values.bind(at, seal.close(at, now.toEpochMilli(), text), life));
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
    public List<String> documents() throws StateException {
        values.ready();
        return engine.keys(DOCUMENT).stream()
                .map(ClusterStore::documentName)
                .filter(Document::isName)
                .toList();
    }

    @Override
    public List<Register.Binding> bindings(String register) throws StateException {
        values.ready();
        String prefix = bindingKey(register, "");
        List<Register.Binding> all = new ArrayList<>();
        for (String at : engine.keys(prefix)) {
            byte[] closed = values.read(at, Bindings.MAX_SIZE);
            if (closed.length > 0) { // else it has expired since
                String text = opened(at, closed);
                all.add(new Register.Binding(
                        at.substring(prefix.length()), Bindings.value(text), Bindings.until(text)));
            }
        }
        return all;
    }

    @Override
    public <T> T locked(Action<T> action) throws StateException {
        values.ready();
        return turns.locked(action);
    }

    @Override
    public @Nullable Closeable claim(String name) throws StateException {
        values.ready();
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
        if (follower != null) {
            follower.interrupt();
        }
        turns.close();
        engine.close();
    }
}
