package dev.culvert.gateway.fabric;

import dev.culvert.gateway.access.Judgement;
import dev.culvert.tunnel.frame.Destination;
import dev.culvert.tunnel.outgoing.Outlet;
import org.jspecify.annotations.Nullable;

/**
 * One flow as one of its two sides sees it. All fields are used on the event loop of {@link #owner} only; the peer half
 * is only named here, and told things through its owner.
 */
final class FlowHalf {
    /** Most credit that one flow may hold: above the largest window that our own ends grant (64 MiB). */
    static final long MAX_CREDIT = 128L << 20;

    final Side owner;
    final Destination destination;
    final FlowRecord record;
    final boolean stream;
    private @Nullable Outlet outlet;

    /** The flow's id on the owner's link; 0 until it is {@linkplain #attach attached}. */
    int id;

    @Nullable
    FlowHalf peer;

    /** Why the flow was let through; on the client's half only. */
    @Nullable
    Judgement judgement;

    /** By whom it counts, when that is not its owner. */
    @Nullable
    String countsFor;

    /** Bytes that the owner may still send us: what its peer granted and it has not used. */
    long credit;

    /** Payload bytes that the owner has sent. */
    long bytes;

    /** Flags of the owner's OPEN. */
    int openFlags;

    /** The owner's OPEN waits for its turn to be written: the owner has not heard of the flow. */
    boolean openWaits;

    /** Where what the owner sends waits for the owner's bandwidth; null when it never had to. */
    @Nullable
    Outlet upload;

    /** OPENED has come from the owner (an agent) or gone to it (a client). */
    boolean opened;

    boolean finFromOwner;
    boolean finToOwner;

    /** Whether both ends can go on with the flow over another path when this one ends. */
    boolean resumable;

    /** Of such a flow: the owner has received the other end's FIN, and the other end the owner's. */
    boolean finReceivedByOwner;

    boolean finReceivedFromOwner;

    /** The owner, an agent, is to reach the destination; not when it has done so before. */
    boolean dials;

    /** Counts those that wait to be resumed, until this is answered. */
    @Nullable
    Resuming resuming;

    boolean closed;

    FlowHalf(Side owner, Destination destination, FlowRecord record) {
        this.owner = owner;
        this.destination = destination;
        this.record = record;
        this.stream = destination.isStream();
    }

    /** The flow as the side sees it that it is to be opened towards; both halves name each other then. */
    FlowHalf towards(Side asked) {
        FlowHalf other = new FlowHalf(asked, destination, record);
        other.peer = this;
        other.resumable = resumable;
        peer = other;
        return other;
    }

    /** Gives the half its place on its link; on the owner's loop, before anything else happens there. */
    void attach(int id, Outlet outlet) {
        this.id = id;
        this.outlet = outlet;
    }

    /** OPENED has come, or gone. */
    void answered() {
        opened = true;
        if (resuming != null) {
            resuming.flows--;
            resuming = null;
        }
    }

    /** Whether nothing of it is to be passed on any more. */
    boolean isFinished() {
        return finFromOwner && finToOwner && (!resumable || finReceivedByOwner && finReceivedFromOwner);
    }

    /** How many flows of a link wait to be resumed. On its event loop. */
    static final class Resuming {
        int flows;
    }

    /** The owner has nothing to do with the flow any more; once. */
    void close() {
        answered();
        closed = true;
        record.closed(this);
    }

    /** Whether the owner is to be told when the flow ends. */
    boolean isKnownToOwner() {
        return !openWaits;
    }

    /** Drops what the owner has sent and its bandwidth has not let pass yet. */
    void dropUpload() {
        Outlet o = upload;
        if (o != null) {
            o.close();
        }
    }

    Outlet outlet() {
        Outlet o = outlet;
        if (o == null) {
            throw new IllegalStateException("flow half is not attached to " + owner);
        }
        return o;
    }
}
