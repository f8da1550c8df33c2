package dev.culvert.tun.macos;

import dev.culvert.address.IpPrefix;
import dev.culvert.tun.system.SystemAction;
import dev.culvert.tun.system.SystemActions;
import dev.culvert.tun.system.SystemProgram;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.NullUnmarked;

/**
 * A Mac's network as its manual pages have it: interfaces, one table in which a network has one route, files, and configd's keys. It
 * understands the command lines that it knows and no other, and tells of itself in the kernel's bytes.
 */
@NullUnmarked
final class FakeMac implements RoutingTables, SystemActions {
    private static final int UP_RUNNING = 0x41;

    private record Link(int index, int flags, int mtu) {}

    private record Address(String link, InetAddress address, int length) {}

    private record Route(IpPrefix network, String link, InetAddress via, int flags) {}

    private final Map<String, Link> links = new TreeMap<>();
    private final List<Address> addresses = new ArrayList<>();
    private final Map<String, Route> routes = new TreeMap<>();
    final Map<Path, String> files = new TreeMap<>();
    final Map<String, String> keys = new TreeMap<>();

    /** What has been done, as text. */
    final List<String> done = new ArrayList<>();

    void link(String name, int index, boolean up) {
        links.put(name, new Link(index, (up ? UP_RUNNING : 0) | (name.equals("lo0") ? 8 : 0), 1500));
    }

    void address(String link, String address, int length) {
        addresses.add(new Address(link, ip(address), length));
    }

    void route(String network, String link, String via) {
        IpPrefix prefix = IpPrefix.parse(network);
        put(new Route(prefix, link, via == null ? null : ip(via), via == null ? RouteMessages.RTF_CLONING : 0x800));
    }

    private boolean put(Route route) {
        return routes.putIfAbsent(route.network().toString(), route) == null;
    }

    /** The program that had it has ended, or somebody pulled it out. */
    void vanish(String link) {
        links.remove(link);
        leave(link);
    }

    /** It has lost its network: addresses and routes go, as configd does it. */
    void leave(String link) {
        addresses.removeIf(a -> a.link().equals(link));
        routes.values().removeIf(r -> r.link().equals(link));
    }

    /** All that somebody else might miss. */
    String state() {
        StringBuilder text = new StringBuilder();
        links.forEach((name, link) -> text.append(name).append(' ').append(link).append('\n'));
        addresses.forEach(a -> text.append(a).append('\n'));
        routes.values().forEach(r -> text.append(r).append('\n'));
        files.forEach((file, content) ->
                text.append(file).append(": ").append(content).append('\n'));
        keys.forEach((key, value) -> text.append(key).append(": ").append(value).append('\n'));
        return text.toString();
    }

    private static InetAddress ip(String text) {
        return IpPrefix.parse(text).network();
    }

    @Override
    public SystemProgram.Result perform(SystemAction action) {
        if (action instanceof SystemAction.Write write) {
            files.put(write.file(), write.content());
        } else if (action instanceof SystemAction.Delete delete) {
            files.remove(delete.file());
        } else if (action instanceof SystemAction.Run run) {
            if (run.input().startsWith("show ")) {
                String value =
                        keys.get(run.input().lines().findFirst().orElseThrow().substring(5));
                return new SystemProgram.Result(0, value == null ? "  No such key\n" : value);
            }
            done.add(run.text());
            return run(run);
        }
        if (!(action instanceof SystemAction.Run)) {
            done.add(action.text());
        }
        return new SystemProgram.Result(0, "");
    }

    private SystemProgram.Result run(SystemAction.Run run) {
        List<String> line = run.line();
        String said = switch (line.get(0)) {
            case "/sbin/ifconfig" -> ifconfig(line);
            case "/sbin/route" -> routeProgram(line);
            case "/usr/sbin/scutil" -> scutil(run.input().lines().toList());
            case "/usr/bin/dscacheutil", "/usr/bin/killall" -> "";
            default -> throw new AssertionError("there is no " + line.get(0) + " on a Mac");
        };
        return new SystemProgram.Result(said.isEmpty() ? 0 : 1, said);
    }

    private String ifconfig(List<String> line) {
        String name = line.get(1);
        Link link = links.get(name);
        if (link == null) {
            return "ifconfig: interface " + name + " does not exist\n";
        }
        List<String> words = line.subList(2, line.size());
        if (words.size() == 3 && words.get(0).equals("mtu") && words.get(2).equals("up")) {
            links.put(name, new Link(link.index(), link.flags() | UP_RUNNING, Integer.parseInt(words.get(1))));
            return "";
        }
        boolean ipv6 = words.get(0).equals("inet6");
        InetAddress address = ip(words.get(1));
        if (words.subList(2, words.size()).equals(List.of("-alias"))) {
            return addresses.removeIf(a -> a.link().equals(name) && a.address().equals(address))
                    ? ""
                    : "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n";
        }
        List<String> form = ipv6
                ? List.of("inet6", words.get(1), "prefixlen", "128", "alias")
                : List.of("inet", words.get(1), words.get(1), "netmask", "255.255.255.255", "alias");
        if (!words.equals(form)) {
            throw new AssertionError("ifconfig: " + line);
        }
        addresses.add(new Address(name, address, ipv6 ? 128 : 32));
        return "";
    }

    /** route -n add|delete -inet|-inet6 [-proto1] [-reject] -net|-host TO [-interface LINK | HOP]. */
    private String routeProgram(List<String> line) {
        boolean add = line.get(2).equals("add");
        boolean ipv6 = line.get(3).equals("-inet6");
        if (!line.get(1).equals("-n")
                || !add && !line.get(2).equals("delete")
                || !ipv6 && !line.get(3).equals("-inet")) {
            throw new AssertionError("route: " + line);
        }
        int flags = 0x800;
        int at = 4;
        for (; !line.get(at).equals("-net") && !line.get(at).equals("-host"); at++) {
            flags |= switch (line.get(at)) {
                case "-proto1" -> RouteMessages.RTF_PROTO1;
                case "-reject" -> RouteMessages.RTF_REJECT;
                default -> throw new AssertionError("route: " + line);
            };
        }
        boolean host = line.get(at).equals("-host");
        IpPrefix to = IpPrefix.parse(line.get(at + 1));
        boolean whole = to.length() == (ipv6 ? 128 : 32);
        if (to.isIpv6() != ipv6 || host != whole || host == line.get(at + 1).contains("/")) {
            throw new AssertionError("route: " + line);
        }
        List<String> hop = line.subList(at + 2, line.size());
        if (!add) {
            if (!hop.isEmpty()) {
                throw new AssertionError("route: " + line);
            }
            return routes.remove(to.toString()) == null ? "route: writing to routing socket: not in table\n" : "";
        }
        Route route;
        if (hop.size() == 2 && hop.get(0).equals("-interface")) {
            route = new Route(to, hop.get(1), null, flags);
        } else if (hop.size() == 1) {
            String[] scoped = hop.get(0).split("%", -1);
            InetAddress via = ip(scoped[0]);
            String link = scoped.length == 2 ? scoped[1] : via.isLoopbackAddress() ? "lo0" : leadsTo(via);
            if (link == null) {
                return "route: writing to routing socket: Network is unreachable\n";
            }
            route = new Route(to, link, via, flags);
        } else {
            throw new AssertionError("route: " + line);
        }
        if (!links.containsKey(route.link())) {
            return "route: bad address: " + route.link() + "\n";
        }
        return put(route) ? "" : "route: writing to routing socket: File exists\n";
    }

    private String leadsTo(InetAddress via) {
        return routes.values().stream()
                .filter(r -> r.via() == null
                        && r.network().length() > 1
                        && r.network().contains(via))
                .map(Route::link)
                .findFirst()
                .orElse(null);
    }

    private String scutil(List<String> script) {
        StringBuilder value = new StringBuilder();
        for (String command : script) {
            if (command.equals("d.init")) {
                value.setLength(0);
            } else if (command.startsWith("d.add ")) {
                String[] words = command.split(" ", -1);
                value.append("  ").append(words[1]).append(" : <array> {\n");
                for (int i = 3; i < words.length; i++) {
                    value.append("    ")
                            .append(i - 3)
                            .append(" : ")
                            .append(words[i])
                            .append('\n');
                }
                value.append("  }\n");
            } else if (command.startsWith("set ")) {
                keys.put(command.substring(4), "<dictionary> {\n" + value + "}\n");
            } else if (command.startsWith("remove ")) {
                if (keys.remove(command.substring(7)) == null) {
                    return "  No such key\n";
                }
            } else if (!command.equals("quit")) {
                throw new AssertionError("scutil: " + command);
            }
        }
        return "";
    }

    @Override
    public String read(Path file) {
        return files.get(file);
    }

    @Override
    public ByteBuffer interfaces() {
        ByteBuffer out = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        links.forEach((name, link) -> {
            int start = begin(out, RouteMessages.RTM_IFINFO2, RouteMessages.IF_MSGHDR2);
            out.putInt(start + 4, 0x10).putInt(start + 8, link.flags()).putShort(start + 12, (short) link.index());
            out.putInt(start + 40, link.mtu());
            linkAddress(out, name, link.index());
            end(out, start);
        });
        for (Address address : addresses) {
            int start = begin(out, RouteMessages.RTM_NEWADDR, RouteMessages.IFA_MSGHDR);
            out.putInt(start + 4, 0x24)
                    .putShort(start + 12, (short) links.get(address.link()).index());
            mask(out, address.length(), address.address().getAddress().length);
            internet(out, address.address(), links.get(address.link()).index());
            end(out, start);
        }
        return out.flip();
    }

    @Override
    public ByteBuffer routes() {
        ByteBuffer out = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        routes.values().forEach(route -> tell(out, route, 0));
        if (links.containsKey("en0")) {
            // As a Mac has them beside: a default for sockets that are bound to en0, a neighbour, and multicast.
            tell(out, new Route(IpPrefix.parse("0.0.0.0/0"), "en0", ip("192.168.7.1"), 0), RouteMessages.RTF_IFSCOPE);
            tell(out, new Route(IpPrefix.parse("192.168.7.1"), "en0", null, 0), RouteMessages.RTF_LLINFO);
            tell(out, new Route(IpPrefix.parse("224.0.0.0/4"), "en0", null, 0), RouteMessages.RTF_MULTICAST);
        }
        return out.flip();
    }

    private void tell(ByteBuffer out, Route route, int more) {
        int bytes = route.network().isIpv6() ? 16 : 4;
        boolean host = route.network().length() == bytes * 8;
        int flags = 1 | route.flags() | more | (host ? 4 : 0) | (route.via() == null ? 0 : 2);
        int index = links.get(route.link()).index();
        int start = begin(out, RouteMessages.RTM_GET, RouteMessages.RT_MSGHDR);
        out.putShort(start + 4, (short) index).putInt(start + 8, flags).putInt(start + 12, host ? 3 : 7);
        internet(out, route.network().network(), index);
        if (route.via() == null) {
            linkAddress(out, route.link(), index);
        } else {
            internet(out, route.via(), index);
        }
        if (!host) {
            mask(out, route.network().length(), bytes);
        }
        end(out, start);
    }

    private static int begin(ByteBuffer out, int type, int header) {
        int start = out.position();
        out.put(start + 2, (byte) 5).put(start + 3, (byte) type).position(start + header);
        return start;
    }

    private static void end(ByteBuffer out, int start) {
        out.putShort(start, (short) (out.position() - start));
    }

    private static void linkAddress(ByteBuffer out, String name, int index) {
        int start = out.position();
        byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
        out.put((byte) 20).put((byte) 18).putShort((short) index).put((byte) 0).put((byte) ascii.length);
        out.putShort((short) 0).put(ascii).position(start + 20);
    }

    /** With the scope of a link-local address within it, as the kernel has it. */
    private static void internet(ByteBuffer out, InetAddress address, int index) {
        byte[] bytes = address.getAddress();
        int start = out.position();
        if (bytes.length == 4) {
            out.put((byte) 16).put((byte) 2).putShort((short) 0).put(bytes).position(start + 16);
        } else {
            if (address.isLinkLocalAddress()) {
                bytes[3] = (byte) index;
            }
            out.put((byte) 28)
                    .put((byte) 30)
                    .putShort((short) 0)
                    .putInt(0)
                    .put(bytes)
                    .position(start + 28);
        }
    }

    /** Without the zeros at its end, and at least four bytes. */
    private static void mask(ByteBuffer out, int length, int bytes) {
        int start = out.position();
        int used = (length + 7) / 8;
        int whole = used == 0 ? 0 : (bytes == 4 ? 4 : 8) + used;
        out.put((byte) whole);
        for (int i = 0; i < used; i++) {
            int bits = Math.min(8, length - 8 * i);
            out.put(start + (bytes == 4 ? 4 : 8) + i, (byte) (0xff << 8 - bits));
        }
        out.position(start + Math.max(4, whole + 3 & ~3));
    }
}
