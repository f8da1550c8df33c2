package dev.culvert.address;

import java.net.InetAddress;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Longest-prefix match over IPv4 and IPv6: a path-compressed binary trie per family.
 *
 * <p>Lookup costs one step per prefix that lies on the path, at most 33 or 129, typically under ten, and allocates
 * nothing when given raw bits. When given an {@link InetAddress} the JDK hands out its bytes as a copy, which the compiler
 * removes for IPv4; code that meets an address per packet should use the raw forms.
 *
 * <p>Not safe for concurrent mutation. A table that is no longer changed may be read by any thread once it has been
 * published safely.
 *
 * @param <V> what is stored for a prefix
 */
public final class PrefixTable<V> {
    private @Nullable Node<V> root4;
    private @Nullable Node<V> root6;
    private int size;

    /** A branching point or a stored prefix; {@code value} is null where the trie only branches. */
    private static final class Node<V> {
        final long hi;
        final long lo;
        final int length;

        @Nullable
        IpPrefix prefix;

        @Nullable
        V value;

        @Nullable
        Node<V> zero;

        @Nullable
        Node<V> one;

        Node(long hi, long lo, int length) {
            this.hi = hi;
            this.lo = lo;
            this.length = length;
        }

        boolean matches(long h, long l) {
            return IpPrefix.commonBits(hi, lo, h, l) >= length;
        }

        @Nullable
        Node<V> child(long h, long l) {
            return bit(h, l, length) ? one : zero;
        }

        void setChild(Node<V> child) {
            if (bit(child.hi, child.lo, length)) {
                one = child;
            } else {
                zero = child;
            }
        }
    }

    /** How many prefixes are stored. */
    public int size() {
        return size;
    }

    /** True if nothing is stored. */
    public boolean isEmpty() {
        return size == 0;
    }

    /**
     * Stores a value for a prefix.
     *
     * @return the value that it replaces, or null
     */
    public @Nullable V put(IpPrefix prefix, V value) {
        Node<V> node = insert(prefix);
        V old = node.value;
        node.value = value;
        node.prefix = prefix;
        if (old == null) {
            size++;
        }
        return old;
    }

    private Node<V> insert(IpPrefix prefix) {
        long hi = prefix.hi();
        long lo = prefix.lo();
        int length = prefix.length();
        Node<V> parent = null;
        Node<V> node = prefix.isIpv6() ? root6 : root4;
        while (node != null) {
            int common = Math.min(IpPrefix.commonBits(node.hi, node.lo, hi, lo), Math.min(node.length, length));
            if (common < node.length) {
                // They part inside this node's bits: put the new one, or a branching point, above it.
                Node<V> fresh = new Node<>(hi, lo, length);
                if (common == length) {
                    fresh.setChild(node);
                    link(prefix, parent, fresh);
                } else {
                    Node<V> fork = new Node<>(maskHi(hi, common), maskLo(lo, common), common);
                    fork.setChild(node);
                    fork.setChild(fresh);
                    link(prefix, parent, fork);
                }
                return fresh;
            }
            if (node.length == length) {
                return node;
            }
            parent = node;
            node = node.child(hi, lo);
        }
        Node<V> fresh = new Node<>(hi, lo, length);
        link(prefix, parent, fresh);
        return fresh;
    }

    private void link(IpPrefix prefix, @Nullable Node<V> parent, Node<V> child) {
        if (parent != null) {
            parent.setChild(child);
        } else if (prefix.isIpv6()) {
            root6 = child;
        } else {
            root4 = child;
        }
    }

    /** The value stored for exactly this prefix, or null. */
    public @Nullable V get(IpPrefix prefix) {
        Node<V> node = find(prefix);
        return node == null ? null : node.value;
    }

    private @Nullable Node<V> find(IpPrefix prefix) {
        Node<V> node = prefix.isIpv6() ? root6 : root4;
        while (node != null && node.length < prefix.length()) {
            node = node.child(prefix.hi(), prefix.lo());
        }
        return node != null && node.length == prefix.length() && node.matches(prefix.hi(), prefix.lo()) ? node : null;
    }

    /**
     * Forgets a prefix. Branching points stay: tables are small and rebuilt rather than drained.
     *
     * @return the value that was stored, or null
     */
    public @Nullable V remove(IpPrefix prefix) {
        Node<V> node = find(prefix);
        if (node == null || node.value == null) {
            return null;
        }
        V old = node.value;
        node.value = null;
        node.prefix = null;
        size--;
        return old;
    }

    /** The value of the longest stored prefix that contains the address, or null. */
    public @Nullable V lookup(InetAddress address) {
        return lookup(address.getAddress());
    }

    /** The same for an address's 4 or 16 bytes in network order: for who asks many tables about one address. */
    public @Nullable V lookup(byte[] b) {
        return b.length == 4
                ? value(match(root4, IpPrefix.v4Key(b), 0))
                : lookup(IpPrefix.bits(b, 0), IpPrefix.bits(b, 8));
    }

    /** The same for an IPv4 address in network order as int, so that 10.0.0.1 is {@code 0x0a000001}. */
    public @Nullable V lookup(int ipv4) {
        return value(match(root4, (long) ipv4 << 32, 0));
    }

    /** The same for the upper and lower half of an IPv6 address; an IPv4-mapped one is looked up as IPv4. */
    public @Nullable V lookup(long hi, long lo) {
        return value(IpPrefix.isMapped(hi, lo) ? match(root4, lo << 32, 0) : match(root6, hi, lo));
    }

    /** The longest stored prefix that contains the address, or null. */
    public @Nullable IpPrefix longestMatch(InetAddress address) {
        byte[] b = address.getAddress();
        Node<V> node;
        if (b.length == 4) {
            node = match(root4, IpPrefix.v4Key(b), 0);
        } else {
            long hi = IpPrefix.bits(b, 0);
            long lo = IpPrefix.bits(b, 8);
            node = IpPrefix.isMapped(hi, lo) ? match(root4, lo << 32, 0) : match(root6, hi, lo);
        }
        return node == null ? null : node.prefix;
    }

    /** True if some stored prefix covers the whole of the given one. */
    public boolean covers(IpPrefix prefix) {
        Node<V> node = prefix.isIpv6() ? root6 : root4;
        while (node != null && node.length <= prefix.length() && node.matches(prefix.hi(), prefix.lo())) {
            if (node.value != null) {
                return true;
            }
            if (node.length == prefix.length()) {
                return false;
            }
            node = node.child(prefix.hi(), prefix.lo());
        }
        return false;
    }

    private static <V> @Nullable V value(@Nullable Node<V> node) {
        return node == null ? null : node.value;
    }

    private static <V> @Nullable Node<V> match(@Nullable Node<V> node, long hi, long lo) {
        Node<V> best = null;
        while (node != null && node.matches(hi, lo)) {
            if (node.value != null) {
                best = node;
            }
            if (node.length == 128) {
                break;
            }
            node = node.child(hi, lo);
        }
        return best;
    }

    /** Visits all prefixes: IPv4 before IPv6, in address order, wider before narrower. */
    public void forEach(BiConsumer<IpPrefix, V> visitor) {
        visit(root4, visitor);
        visit(root6, visitor);
    }

    /** Recursion is bounded by the address length: at most 129 deep. */
    private static <V> void visit(@Nullable Node<V> node, BiConsumer<IpPrefix, V> visitor) {
        if (node == null) {
            return;
        }
        if (node.prefix != null && node.value != null) {
            visitor.accept(node.prefix, node.value);
        }
        visit(node.zero, visitor);
        visit(node.one, visitor);
    }

    private static boolean bit(long hi, long lo, int index) {
        return index < 64 ? (hi << index) < 0 : (lo << index) < 0;
    }

    private static long maskHi(long hi, int bits) {
        return bits == 0 ? 0 : bits >= 64 ? hi : hi & -1L << 64 - bits;
    }

    private static long maskLo(long lo, int bits) {
        return bits <= 64 ? 0 : bits >= 128 ? lo : lo & -1L << 128 - bits;
    }
}
