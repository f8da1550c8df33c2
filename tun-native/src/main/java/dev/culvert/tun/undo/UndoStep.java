package dev.culvert.tun.undo;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.device.TunConfig;
import java.nio.file.Path;

/**
 * How to take back one change to the host's network: data, to be carried out at most once, in any process. It is read back
 * from a file, and root acts on it, so each field is checked; constructors throw {@link IllegalArgumentException}.
 */
public sealed interface UndoStep {
    /** Whether what it undoes outlives the kernel: then it is to be undone after a reboot, too. */
    default boolean outlivesBoot() {
        return false;
    }

    /** Of what decides whom this machine asks for names, not of its network. */
    sealed interface OfResolver extends UndoStep {}

    /**
     * Give a link back its settings.
     *
     * @param ifName interface name
     * @param mtu bytes
     * @param txQueueLength packets
     * @param up whether it was up
     */
    record RestoreLink(String ifName, int mtu, int txQueueLength, boolean up) implements UndoStep {
        /** Checks. */
        public RestoreLink {
            requireName(ifName);
            if (mtu < 0 || txQueueLength < 0) {
                throw new IllegalArgumentException("mtu " + mtu + " or queue length " + txQueueLength + " is negative");
            }
        }

        @Override
        public String toString() {
            return "the settings of " + ifName;
        }
    }

    /**
     * Delete an address that we gave to an interface.
     *
     * @param ifName interface name
     * @param address textual address
     * @param prefixLength bits
     */
    record DeleteAddress(String ifName, String address, int prefixLength) implements UndoStep {
        /** Checks. */
        public DeleteAddress {
            requireName(ifName);
            int bits = IpPrefix.parse(address).length(); // all of them, since there is no slash
            if (address.indexOf('/') >= 0 || prefixLength < 0 || prefixLength > bits) {
                throw new IllegalArgumentException("address " + address + " with a length that it cannot have");
            }
        }

        @Override
        public String toString() {
            return "address " + address + "/" + prefixLength + " of " + ifName;
        }
    }

    /**
     * Delete a route that we added; it carries our protocol number, so another's is never meant.
     *
     * @param network textual CIDR prefix
     * @param ifName interface name; Windows' may be long, and have blanks: {@code Local Area Connection 2}
     */
    record DeleteRoute(String network, String ifName) implements UndoStep {
        /** IF_MAX_STRING_SIZE of Windows' ifdef.h. */
        private static final int MAX_NAME = 256;

        /** Checks. */
        public DeleteRoute {
            if (!isLinkName(ifName)) {
                throw new IllegalArgumentException("a name that no interface can have");
            }
            IpPrefix.parse(network);
        }

        /** Whether any system may call an interface so: one line, without what people do not see. */
        public static boolean isLinkName(String name) {
            return !name.isBlank()
                    && name.length() <= MAX_NAME
                    && name.codePoints()
                            .noneMatch(c -> Character.isISOControl(c)
                                    || switch (Character.getType(c)) {
                                        case Character.FORMAT,
                                                Character.SURROGATE,
                                                Character.LINE_SEPARATOR,
                                                Character.PARAGRAPH_SEPARATOR -> true;
                                        default -> false;
                                    });
        }

        @Override
        public String toString() {
            return "route " + network + " through " + ifName;
        }
    }

    /**
     * Delete a route by which we made a network unreachable.
     *
     * @param network textual CIDR prefix
     */
    record DeleteUnreachable(String network) implements UndoStep {
        /** Checks. */
        public DeleteUnreachable {
            IpPrefix.parse(network);
        }

        @Override
        public String toString() {
            return "unreachable route " + network;
        }
    }

    /**
     * Put a resolv.conf back in the place of ours; if it is ours no more, whoever has replaced it meanwhile is left alone.
     *
     * @param path absolute
     * @param kind what was there
     * @param content of a file, at most {@link #MAX_CONTENT} bytes, each a character; where a link leads; empty if there was nothing
     * @param mode permissions of a file
     * @param uid its owner
     * @param gid its group
     * @param mark what ours says that it is known by, and no other does; empty of versions that did not mark theirs
     */
    record RestoreResolvConf(String path, Kind kind, String content, int mode, int uid, int gid, String mark)
            implements OfResolver {
        /** A larger file is not what we would have replaced. */
        public static final int MAX_CONTENT = 64 << 10;

        private static final int MAX_MODE = 07777;

        /** What may be at a path. */
        public enum Kind {
            FILE,
            LINK,
            NOTHING
        }

        /** Checks. */
        public RestoreResolvConf {
            Path file = Path.of(path);
            if (!file.isAbsolute() || !file.equals(file.normalize()) || !file.endsWith("resolv.conf")) {
                throw new IllegalArgumentException("a path that no resolv.conf has");
            }
            if (content.length() > MAX_CONTENT || content.chars().anyMatch(c -> c > 0xff)) {
                throw new IllegalArgumentException("a content that no resolv.conf has");
            }
            if (mode < 0 || mode > MAX_MODE || uid < 0 || gid < 0) {
                throw new IllegalArgumentException("a mode or an owner that no file has");
            }
            if (!mark.isEmpty() && !isMark(mark)) {
                throw new IllegalArgumentException("a mark that we give to no resolv.conf");
            }
        }

        /** Whether it can be one: 16 digits in hexadecimal. */
        public static boolean isMark(String text) {
            return text.matches("[0-9a-f]{16}");
        }

        /** The same, of a file of ours with this mark. */
        public RestoreResolvConf of(String fileMark) {
            return new RestoreResolvConf(path, kind, content, mode, uid, gid, fileMark);
        }

        @Override
        public boolean outlivesBoot() {
            return true;
        }

        @Override
        public String toString() {
            return path;
        }
    }

    /**
     * Have systemd-resolved forget what it was told of an interface.
     *
     * @param ifName interface name
     */
    record RevertResolved(String ifName) implements OfResolver {
        /** Checks. */
        public RevertResolved {
            requireName(ifName);
        }

        @Override
        public String toString() {
            return "what systemd-resolved knows of " + ifName;
        }
    }

    /**
     * Have resolvconf forget an interface's name servers.
     *
     * @param record what we called it there
     */
    record DeleteResolvconf(String record) implements OfResolver {
        /** Checks. */
        public DeleteResolvconf {
            if (!record.matches("[a-z][a-z0-9.]{0,31}")) {
                throw new IllegalArgumentException("a name that we give to no record of resolvconf");
            }
        }

        @Override
        public boolean outlivesBoot() {
            return true; // /run/resolvconf does not, but it may be elsewhere
        }

        @Override
        public String toString() {
            return "the record " + record + " of resolvconf";
        }
    }

    /**
     * Delete a file of ours from macOS's /etc/resolver; one that is another's by now is left alone.
     *
     * @param name of the file: a domain, or what begins with {@code search.}
     */
    record DeleteResolverFile(String name) implements OfResolver {
        /** Checks. */
        public DeleteResolverFile {
            if (!isName(name)) {
                throw new IllegalArgumentException("a name that we give to no file of /etc/resolver");
            }
        }

        /** Whether it can be one: labels of letters, digits, hyphens and underscores, in lower case. */
        public static boolean isName(String name) {
            return name.length() <= 253 && name.matches("[a-z0-9_-]+(\\.[a-z0-9_-]+)*");
        }

        @Override
        public boolean outlivesBoot() {
            return true;
        }

        @Override
        public String toString() {
            return "/etc/resolver/" + name;
        }
    }

    /** Have macOS's configd forget the name servers for all names that we have set. */
    record RemoveResolverKey() implements OfResolver {
        @Override
        public String toString() {
            return "the name servers that configd knows of us";
        }
    }

    /**
     * Delete our rules about names from Windows' registry, and in which domains names are tried that have no dot.
     *
     * @param ifName name of the adapter that has the latter
     */
    record DeleteNameRules(String ifName) implements OfResolver {
        /** Checks. */
        public DeleteNameRules {
            requireName(ifName);
        }

        @Override
        public boolean outlivesBoot() {
            return true;
        }

        @Override
        public String toString() {
            return "the rules about names of " + ifName;
        }
    }

    private static void requireName(String ifName) {
        if (!TunConfig.isInterfaceName(ifName)) {
            throw new IllegalArgumentException("a name that no interface can have");
        }
    }
}
