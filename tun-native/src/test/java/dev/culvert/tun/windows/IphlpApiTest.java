package dev.culvert.tun.windows;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.NativeLibrary;
import dev.culvert.address.IpPrefix;
import dev.culvert.tun.fixture.CLibrary;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How functions of iphlpapi.dll are called, over a library with some of them: memory that it hands out, callbacks, arguments. */
@NullUnmarked
final class IphlpApiTest {
    private static final Path LIBRARY = CLibrary.compile("iphlpapi");
    private static final long LUID = 0x0047_0080_0400_0000L;

    private IphlpApi api;

    private static int call(String function, Object... arguments) {
        return NativeLibrary.getInstance(LIBRARY.toString())
                .getFunction(function)
                .invokeInt(arguments);
    }

    @BeforeEach
    void open() throws Exception {
        api = IphlpApi.open(LIBRARY.toString());
        call("FakeRefuse", (Object) "\0".getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void tablesAreCopiedAndFreed() throws Exception {
        call("FakeRows", 7);
        for (NetIo.Table table : NetIo.Table.values()) {
            byte[] copy = api.table(table);
            assertThat(copy).hasSize(8 + 7 * table.rowBytes).startsWith(7, 0, 0, 0);
            assertThat(Arrays.copyOfRange(copy, 8, copy.length)).containsOnly(table.ordinal() + 1);
        }
        assertThat(call("FakeTables")).isZero();
    }

    @Test
    void aTableWithoutRowsIsNoError() throws Exception {
        call("FakeRows", 0);
        assertThat(IpRows.routes(api.table(NetIo.Table.ROUTES))).isEmpty();
    }

    @Test
    void aTableBeyondReasonIsNotReadAndFreed() {
        call("FakeRows", NetIo.MAX_ROWS + 1);
        assertThatThrownBy(() -> api.table(NetIo.Table.ROUTES))
                .hasMessageContaining("GetIpForwardTable2 has more than 200000 rows; start with --no-host-changes");
        call("FakeRows", -1);
        assertThatThrownBy(() -> api.table(NetIo.Table.ROUTES)).hasMessageContaining("more than 200000 rows");
        assertThat(call("FakeTables")).isZero();
    }

    /** Whatever a table says of itself: no row beyond its bytes is read. */
    @Test
    void aTableThatIsShorterThanItSaysIsRefused() {
        byte[] table = new byte[8 + 104];
        table[0] = 2;
        assertThatThrownBy(() -> IpRows.routes(table)).hasMessageContaining("has not the 2 rows that it says");
        assertThatThrownBy(() -> IpRows.routes(new byte[3])).hasMessageContaining("a table of 3 bytes");
    }

    /** A family that is none, a prefix longer than its address: left out, and the rows beside them are read. */
    @Test
    void rowsThatCannotBeReadAreLeftOut() throws Exception {
        byte[] good = IpRows.route(LUID, IpPrefix.parse("10.1.0.0/16"), null, 5);
        byte[] longer = IpRows.route(LUID, IpPrefix.parse("10.2.0.0/16"), null, 5);
        longer[IpRows.ROUTE_PREFIX_LENGTH] = 33;
        byte[] beyond = IpRows.route(LUID, IpPrefix.parse("10.3.0.0/16"), null, 5);
        beyond[IpRows.ROUTE_PREFIX_LENGTH] = 8;
        byte[] strange = IpRows.route(LUID, IpPrefix.parse("10.4.0.0/16"), null, 5);
        strange[IpRows.ROUTE_PREFIX] = 99;
        byte[] table = new byte[8 + 4 * 104];
        table[0] = 4;
        int at = 8;
        for (byte[] row : new byte[][] {longer, beyond, strange, good}) {
            System.arraycopy(row, 0, table, at, row.length);
            at += row.length;
        }
        assertThat(IpRows.routes(table))
                .containsExactly(new IpRows.Route(LUID, IpPrefix.parse("10.1.0.0/16"), null, 5, 3));
    }

    @Test
    void aliasesAreWide() {
        assertThat(api.alias(LUID)).isEqualTo("WLAN \u00e9");
        assertThat(api.alias(LUID + 1)).isEmpty();
    }

    @Test
    void rowsArriveWholeAndErrorsComeBack() {
        IpAction route = new IpAction.Route(true, LUID, IpPrefix.parse("10.1.0.0/16"), IpChanges.NEXT_HOP, 203);
        byte[] row = new byte[256];
        assertThat(api.perform(route)).isZero();
        assertThat(call("FakeLast", (Object) row)).isEqualTo(104);
        assertThat(Arrays.copyOf(row, 104)).isEqualTo(route.row());
        IpAction address =
                new IpAction.Address(false, LUID, IpPrefix.parse("fd63::1").network(), 128);
        assertThat(api.perform(address)).isZero();
        assertThat(call("FakeLast", (Object) row)).isEqualTo(80);
        assertThat(Arrays.copyOf(row, 80)).isEqualTo(address.row());
        assertThat(api.perform(IpAction.Interface.of(new byte[IpInterface.BYTES], 1400)))
                .isEqualTo(5);
    }

    /** The callback lives as long as it is listened, whatever the collector does; then nobody is called. */
    @Test
    void changesAreToldUntilItIsClosed() throws Exception {
        IpEvents events = IpEvents.open(LIBRARY.toString());
        assertThat(call("FakeListeners")).isEqualTo(3);
        assertThat(events.await(0)).isFalse();
        System.gc();
        call("FakeChange");
        assertThat(events.await(60_000)).isTrue();
        assertThat(events.await(0)).as("three at once are one").isFalse();
        events.close();
        assertThat(call("FakeListeners")).isZero();
        call("FakeChange");
        assertThat(events.await(0)).isFalse();
    }

    @Test
    void whoIsRefusedLetsGoOfWhatItHas() {
        call("FakeRefuse", (Object) "NotifyUnicastIpAddressChange\0".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> IpEvents.open(LIBRARY.toString()))
                .hasMessage("NotifyUnicastIpAddressChange: access is denied (Windows error 5)");
        assertThat(call("FakeListeners")).isZero();
    }

    @Test
    void aLibraryThatIsNotThereIsAnErrorInOneLine() {
        assertThatThrownBy(() -> IphlpApi.open("/nowhere/iphlpapi.so"))
                .isInstanceOf(java.io.IOException.class)
                .hasMessageContaining("load /nowhere/iphlpapi.so");
    }
}
