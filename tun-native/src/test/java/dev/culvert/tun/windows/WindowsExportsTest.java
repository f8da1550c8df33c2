package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.address.IpPrefix;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Each function of Windows' own DLLs that is called here is one of that DLL, by the libraries that mingw-w64 links with; none is forgotten. */
@NullUnmarked
final class WindowsExportsTest {
    private static final Path SOURCES = Path.of("src/main/java/dev/culvert/tun");

    private static final Pattern CALL = Pattern.compile("(?:getFunction|function)\\(\\s*\"(\\w+)\"");

    private static Map<String, Set<String>> called() {
        Map<String, Set<String>> called = new TreeMap<>();
        called.put(
                "advapi32",
                Set.of(
                        "LookupAccountSidW",
                        "RegCloseKey",
                        "RegCreateKeyExW",
                        "RegDeleteTreeW",
                        "RegDeleteValueW",
                        "RegEnumKeyExW",
                        "RegOpenKeyExW",
                        "RegQueryValueExW",
                        "RegSetValueExW"));
        called.put("ole32", Set.of("CoTaskMemFree"));
        called.put("shell32", Set.of("SHGetKnownFolderPath"));
        called.put("userenv", Set.of("RefreshPolicy"));
        Set<String> kernel32 = new TreeSet<>(Set.of("GetSystemDirectoryW"));
        for (Method method : Kernel32.class.getDeclaredMethods()) {
            if (Modifier.isNative(method.getModifiers())) {
                kernel32.add(method.getName());
            }
        }
        called.put("kernel32", kernel32);
        Set<String> iphlpapi = new TreeSet<>(IpEvents.FUNCTIONS);
        iphlpapi.addAll(
                Set.of("CancelMibChangeNotify2", "ConvertInterfaceLuidToAlias", "FreeMibTable", "GetIpInterfaceEntry"));
        for (NetIo.Table table : NetIo.Table.values()) {
            iphlpapi.add(table.function);
        }
        IpPrefix host = IpPrefix.parse("10.1.2.3");
        for (boolean create : new boolean[] {true, false}) {
            iphlpapi.add(new IpAction.Address(create, 0, host.network(), 32).function());
            iphlpapi.add(new IpAction.Route(create, 0, host, null, 0).function());
        }
        iphlpapi.add(new IpAction.Interface(new byte[IpInterface.BYTES]).function());
        called.put("iphlpapi", iphlpapi);
        return called;
    }

    @Test
    void eachIsOneOfItsDll() throws Exception {
        for (Map.Entry<String, Set<String>> dll : called().entrySet()) {
            assertThat(ImportLibrary.functions(dll.getKey())).as(dll.getKey()).containsAll(dll.getValue());
        }
    }

    /** That the libraries are read at all, and tell one DLL from another. */
    @Test
    void oneThatIsNoneIsFound() throws Exception {
        assertThat(ImportLibrary.functions("iphlpapi"))
                .hasSizeGreaterThan(100)
                .doesNotContain("CreateIpForwardEntry3", "RegOpenKeyExW");
    }

    @Test
    void noneIsForgotten() throws Exception {
        Set<String> listed = new TreeSet<>();
        called().values().forEach(listed::addAll);
        Set<String> inSources = new TreeSet<>();
        for (String source : sources()) {
            Matcher call = CALL.matcher(source);
            while (call.find()) {
                inSources.add(call.group(1));
            }
        }
        assertThat(inSources).hasSizeGreaterThan(15);
        assertThat(listed).containsAll(inSources);
    }

    private static List<String> sources() throws IOException {
        try (Stream<Path> files = Stream.concat(
                Files.list(SOURCES.resolve("windows")), Stream.of(SOURCES.resolve("undo/WindowsAccounts.java")))) {
            return files.map(file -> {
                        try {
                            return Files.readString(file);
                        } catch (IOException e) {
                            throw new AssertionError(e);
                        }
                    })
                    .toList();
        }
    }
}
