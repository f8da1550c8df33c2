package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Structures and constants that are handed to Windows' functions, against its headers as mingw-w64 has them: a C compiler judges. That
 * of this machine does, told what is different there: LLP64, and characters of two bytes.
 */
@NullUnmarked
final class LayoutsTest {
    private static final Path HEADERS = Path.of("/usr/share/mingw-w64/include");

    private static final List<String> AS_FOR_WINDOWS = List.of(
            "-fsyntax-only",
            "-w",
            "-nostdinc",
            "-fshort-wchar",
            "-D_WIN32",
            "-D_WIN64",
            "-D__MINGW32__",
            "-D__MINGW64__",
            "-D__MSVCRT__",
            "-D_WIN32_WINNT=0x0A00",
            "-D__LONG32=int",
            "-D__int64=long long",
            "-D__stdcall=",
            "-D__cdecl=",
            "-D__declspec(x)=");

    private static final Map<String, Map<String, Integer>> WHERE = Map.of(
            "MIB_IPINTERFACE_ROW",
                    Map.of(
                            "Family", IpInterface.FAMILY,
                            "InterfaceLuid", IpInterface.INTERFACE_LUID,
                            "InterfaceIndex", IpInterface.INTERFACE_INDEX,
                            "RouterDiscoveryBehavior", IpInterface.ROUTER_DISCOVERY_BEHAVIOR,
                            "DadTransmits", IpInterface.DAD_TRANSMITS,
                            "SitePrefixLength", IpInterface.SITE_PREFIX_LENGTH,
                            "Metric", IpInterface.METRIC,
                            "NlMtu", IpInterface.NL_MTU,
                            "Connected", IpInterface.CONNECTED),
            "MIB_UNICASTIPADDRESS_ROW",
                    Map.of(
                            "Address", 0,
                            "InterfaceLuid", IpRows.ADDRESS_LUID,
                            "PrefixOrigin", IpRows.ADDRESS_PREFIX_ORIGIN,
                            "SuffixOrigin", IpRows.ADDRESS_SUFFIX_ORIGIN,
                            "ValidLifetime", IpRows.ADDRESS_VALID,
                            "PreferredLifetime", IpRows.ADDRESS_PREFERRED,
                            "OnLinkPrefixLength", IpRows.ADDRESS_PREFIX_LENGTH,
                            "DadState", IpRows.ADDRESS_DAD_STATE),
            "MIB_IPFORWARD_ROW2",
                    Map.of(
                            "InterfaceLuid", 0,
                            "DestinationPrefix.Prefix", IpRows.ROUTE_PREFIX,
                            "DestinationPrefix.PrefixLength", IpRows.ROUTE_PREFIX_LENGTH,
                            "NextHop", IpRows.ROUTE_NEXT_HOP,
                            "ValidLifetime", IpRows.ROUTE_VALID,
                            "PreferredLifetime", IpRows.ROUTE_PREFERRED,
                            "Metric", IpRows.ROUTE_METRIC,
                            "Protocol", IpRows.ROUTE_PROTOCOL,
                            "Immortal", IpRows.ROUTE_IMMORTAL),
            "SOCKADDR_INET",
                    Map.of(
                            "si_family", 0,
                            "Ipv4.sin_addr", IpRows.SIN_ADDR,
                            "Ipv6.sin6_addr", IpRows.SIN6_ADDR),
            "MIB_IPINTERFACE_TABLE", Map.of("NumEntries", 0, "Table", IpRows.TABLE_ROWS),
            "MIB_UNICASTIPADDRESS_TABLE", Map.of("NumEntries", 0, "Table", IpRows.TABLE_ROWS),
            "MIB_IPFORWARD_TABLE2", Map.of("NumEntries", 0, "Table", IpRows.TABLE_ROWS));

    /** All but ERROR_INVALID_IMAGE_HASH, which these headers do not have. */
    private static final Map<String, Integer> WHAT = Map.ofEntries(
            Map.entry("sizeof(void *)", Long.BYTES),
            Map.entry("sizeof(ULONG)", Integer.BYTES),
            Map.entry("sizeof(WCHAR)", Character.BYTES),
            Map.entry("sizeof(GUID)", AdapterGuid.BYTES),
            Map.entry("sizeof(NET_LUID)", Long.BYTES),
            Map.entry("sizeof(MIB_IPINTERFACE_ROW)", IpInterface.BYTES),
            Map.entry("sizeof(((MIB_IPINTERFACE_ROW *) 0)->Family)", Short.BYTES),
            Map.entry("sizeof(((MIB_IPINTERFACE_ROW *) 0)->NlMtu)", Integer.BYTES),
            Map.entry("sizeof(SOCKADDR_INET)", IpRows.SOCKADDR_INET),
            Map.entry("sizeof(MIB_UNICASTIPADDRESS_ROW)", IpRows.ADDRESS_BYTES),
            Map.entry("sizeof(MIB_IPFORWARD_ROW2)", IpRows.ROUTE_BYTES),
            Map.entry("sizeof(((MIB_UNICASTIPADDRESS_ROW *) 0)->PrefixOrigin)", Integer.BYTES),
            Map.entry("sizeof(((MIB_UNICASTIPADDRESS_ROW *) 0)->OnLinkPrefixLength)", Byte.BYTES),
            Map.entry("sizeof(((MIB_UNICASTIPADDRESS_ROW *) 0)->DadState)", Integer.BYTES),
            Map.entry("sizeof(((MIB_IPFORWARD_ROW2 *) 0)->DestinationPrefix.PrefixLength)", Byte.BYTES),
            Map.entry("sizeof(((MIB_IPFORWARD_ROW2 *) 0)->Protocol)", Integer.BYTES),
            Map.entry("sizeof(((MIB_IPFORWARD_ROW2 *) 0)->Immortal)", Byte.BYTES),
            Map.entry("sizeof(SIZE_T)", Long.BYTES),
            Map.entry("sizeof(HKEY)", Long.BYTES),
            Map.entry("(int) (ULONG_PTR) HKEY_LOCAL_MACHINE", (int) RegistryApi.LOCAL_MACHINE),
            Map.entry("(int) ((LONG_PTR) HKEY_LOCAL_MACHINE >> 32)", (int) (RegistryApi.LOCAL_MACHINE >> 32)),
            Map.entry("KEY_READ", RegistryApi.KEY_READ),
            Map.entry("KEY_WRITE", RegistryApi.KEY_WRITE),
            Map.entry("KEY_WOW64_64KEY", RegistryApi.KEY_WOW64_64KEY),
            Map.entry("REG_SZ", RegistryValue.REG_SZ),
            Map.entry("REG_DWORD", RegistryValue.REG_DWORD),
            Map.entry("REG_MULTI_SZ", RegistryValue.REG_MULTI_SZ),
            Map.entry("IpPrefixOriginManual", IpRows.ORIGIN_MANUAL),
            Map.entry("IpSuffixOriginManual", IpRows.ORIGIN_MANUAL),
            Map.entry("IpDadStatePreferred", IpRows.DAD_STATE_PREFERRED),
            Map.entry("RouteProtocolLocal", IpRows.PROTOCOL_LOCAL),
            Map.entry("RouteProtocolNetMgmt", IpRows.PROTOCOL_NET_MGMT),
            Map.entry("IF_TYPE_SOFTWARE_LOOPBACK", IpTables.SOFTWARE_LOOPBACK),
            Map.entry("IF_MAX_STRING_SIZE", IphlpApi.MAX_ALIAS - 1),
            Map.entry("AF_UNSPEC", IphlpApi.AF_UNSPEC),
            Map.entry("RouterDiscoveryDisabled", IpInterface.ROUTER_DISCOVERY_DISABLED),
            Map.entry("AF_INET", IpInterface.AF_INET),
            Map.entry("AF_INET6", IpInterface.AF_INET6),
            Map.entry("(int) INFINITE", Kernel32.INFINITE),
            Map.entry("(int) WAIT_FAILED", Kernel32.WAIT_FAILED),
            Map.entry("ERROR_FILE_NOT_FOUND", WindowsError.ERROR_FILE_NOT_FOUND),
            Map.entry("ERROR_ACCESS_DENIED", WindowsError.ERROR_ACCESS_DENIED),
            Map.entry("ERROR_INVALID_HANDLE", WindowsError.ERROR_INVALID_HANDLE),
            Map.entry("ERROR_NOT_ENOUGH_MEMORY", WindowsError.ERROR_NOT_ENOUGH_MEMORY),
            Map.entry("ERROR_INVALID_DATA", WindowsError.ERROR_INVALID_DATA),
            Map.entry("ERROR_HANDLE_EOF", WindowsError.ERROR_HANDLE_EOF),
            Map.entry("ERROR_INVALID_PARAMETER", WindowsError.ERROR_INVALID_PARAMETER),
            Map.entry("ERROR_BUFFER_OVERFLOW", WindowsError.ERROR_BUFFER_OVERFLOW),
            Map.entry("ERROR_ALREADY_EXISTS", WindowsError.ERROR_ALREADY_EXISTS),
            Map.entry("ERROR_NO_MORE_ITEMS", WindowsError.ERROR_NO_MORE_ITEMS),
            Map.entry("ERROR_NOT_FOUND", WindowsError.ERROR_NOT_FOUND),
            Map.entry("ERROR_ALREADY_INITIALIZED", WindowsError.ERROR_ALREADY_INITIALIZED),
            Map.entry("ERROR_OBJECT_ALREADY_EXISTS", WindowsError.ERROR_OBJECT_ALREADY_EXISTS));

    private static final String ASSERT = "_Static_assert((%s) == %d, \"%1$s\");%n";

    @TempDir
    Path directory;

    @Test
    void areThoseOfTheHeaders() throws Exception {
        StringBuilder asserts = new StringBuilder();
        WHERE.forEach((structure, members) -> members.forEach((member, offset) ->
                asserts.append(ASSERT.formatted("offsetof(" + structure + ", " + member + ")", offset))));
        WHAT.forEach((expression, value) -> asserts.append(ASSERT.formatted(expression, value)));
        assertThat(compiled(asserts.toString())).isEmpty();
    }

    /** That the compiler judges at all, and by these headers. */
    @Test
    void oneThatIsWrongIsFound() throws Exception {
        assertThat(compiled(ASSERT.formatted("offsetof(MIB_IPINTERFACE_ROW, NlMtu)", IpInterface.NL_MTU + 4)))
                .contains("static assertion failed: \"offsetof(MIB_IPINTERFACE_ROW, NlMtu)\"");
    }

    private String compiled(String asserts) throws Exception {
        assertThat(HEADERS.resolve("netioapi.h"))
                .as("Windows' headers are needed for this test (apt-get install mingw-w64-common)")
                .exists();
        Path source = directory.resolve("layouts.c");
        Files.writeString(source, """
                #include <stddef.h>
                #include <winsock2.h>
                #include <ws2ipdef.h>
                #include <iphlpapi.h>
                #include <netioapi.h>
                """ + asserts);
        List<String> command = new ArrayList<>(List.of("gcc"));
        command.addAll(AS_FOR_WINDOWS);
        command.addAll(List.of(
                "-isystem",
                HEADERS.toString(),
                "-isystem",
                run(List.of("gcc", "-print-file-name=include")),
                "" + source));
        return run(command);
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        process.waitFor();
        return said;
    }
}
