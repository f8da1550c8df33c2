package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.NativeLongByReference;
import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunException;
import dev.culvert.tun.libc.LibC;
import io.netty.channel.epoll.Epoll;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which calls make an interface: a kernel that writes down what it is asked. */
@NullUnmarked
final class UtunTest {
    /** Knows one control, of number 7, and gives the unit that is asked for, or the fifth. */
    private static final class Kernel implements DarwinC {
        final List<String> calls = new ArrayList<>();
        int connectErrno;
        int mtuErrno;
        int control = -1;
        int peer = -1;
        private String name = "";

        @Override
        public int socket(int family, int type, int protocol) {
            calls.add("socket " + family + " " + type + " " + protocol);
            int[] pair = FakeUtun.pair();
            if (family == 32) {
                control = pair[0];
                peer = pair[1];
            } else {
                LibC.get().close(pair[1]);
            }
            return pair[0];
        }

        @Override
        public int close(int fd) {
            calls.add(fd == control ? "close control" : "close");
            return LibC.get().close(fd);
        }

        @Override
        public int connect(int fd, Pointer address, int length) {
            byte[] bytes = address.getByteArray(0, length);
            int unit = address.getInt(8);
            calls.add("connect " + length + ": " + bytes[0] + " " + bytes[1] + " " + address.getShort(2) + " "
                    + address.getInt(4) + " " + unit);
            if (connectErrno != 0) {
                Native.setLastError(connectErrno);
                return -1;
            }
            name = "utun" + (unit == 0 ? 5 : unit - 1);
            return 0;
        }

        @Override
        public int ioctl(int fd, NativeLong request, Object... argument) {
            Pointer p = (Pointer) argument[0];
            if (request.longValue() == 0xC0644E03L) {
                calls.add("ctl_info " + p.getString(4));
                p.setInt(0, 7);
                return 0;
            }
            calls.add((request.longValue() == 0x80206934L ? "set" : "get") + " mtu of " + p.getString(0)
                    + (request.longValue() == 0x80206934L ? " to " + p.getInt(16) : ""));
            if (request.longValue() == 0x80206934L && mtuErrno != 0) {
                Native.setLastError(mtuErrno);
                return -1;
            }
            p.setInt(16, request.longValue() == 0x80206934L ? p.getInt(16) : 1380);
            return 0;
        }

        @Override
        public int fcntl(int fd, int command, Object... argument) {
            calls.add("fcntl " + command + (argument.length == 0 ? "" : " " + argument[0]));
            return command == 3 ? 2 : 0;
        }

        @Override
        public int getsockopt(int fd, int level, int option, Pointer value, IntByReference length) {
            calls.add("getsockopt " + level + " " + option);
            byte[] ascii = name.getBytes(StandardCharsets.US_ASCII);
            value.write(0, ascii, 0, ascii.length);
            length.setValue(ascii.length + 1);
            return 0;
        }

        @Override
        public int setsockopt(int fd, int level, int option, Pointer value, int length) {
            calls.add("setsockopt " + level + " " + option + " " + value.getInt(0));
            return 0;
        }

        @Override
        public NativeLong read(int fd, Pointer buffer, NativeLong size) {
            throw new AssertionError();
        }

        @Override
        public int poll(Pointer descriptors, int count, int millis) {
            throw new AssertionError();
        }

        @Override
        public int sysctl(
                int[] name,
                int count,
                Pointer old,
                NativeLongByReference oldSize,
                Pointer fresh,
                NativeLong freshSize) {
            throw new AssertionError();
        }

        @Override
        public String strerror(int errno) {
            return "error " + errno;
        }
    }

    /** A descriptor is closed by Netty's natives: here Linux's. */
    @BeforeAll
    static void load() {
        Epoll.ensureAvailability();
    }

    @Test
    void theFirstFreeOneWithItsQueueAndMtu() throws Exception {
        Kernel kernel = new Kernel();
        Utun utun =
                Utun.open(TunConfig.named(TunConfig.DEFAULT_NAME).withMtu(1400).withTxQueueLength(300), kernel);
        assertThat(kernel.calls)
                .containsExactly(
                        "socket 32 2 2",
                        "ctl_info com.apple.net.utun_control",
                        "connect 32: 32 32 2 7 0",
                        "getsockopt 2 2",
                        "fcntl 3",
                        "fcntl 2 1",
                        "fcntl 4 6",
                        "setsockopt 2 16 300",
                        "setsockopt 65535 4098 8388608",
                        "socket 2 2 0",
                        "set mtu of utun5 to 1400",
                        "close");
        assertThat(utun.name()).isEqualTo("utun5");
        assertThat(utun.mtu()).isEqualTo(1400);
        assertThat(utun.offloads().vnetHeader()).isFalse();
        utun.close();
        assertThat(utun.isOpen()).isFalse();
        LibC.get().close(kernel.peer);
    }

    /** utunN is unit N + 1. */
    @Test
    void theOneThatIsNamed() throws Exception {
        Kernel kernel = new Kernel();
        Utun utun = Utun.open(TunConfig.named("utun0"), kernel);
        assertThat(kernel.calls).contains("connect 32: 32 32 2 7 1");
        assertThat(utun.name()).isEqualTo("utun0");
        utun.close();
        LibC.get().close(kernel.peer);
        assertThat(Utun.unit("utun12")).isEqualTo(13);
        assertThat(Utun.unit("utun%d")).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"culvert0", "utun-1", "utun01", "utun1x", "tun0", "utun9999999"})
    void aNameThatMacosGivesToNoTunnel(String name) {
        assertThatThrownBy(() -> Utun.open(TunConfig.named(name), new Kernel()))
                .isInstanceOf(TunException.class)
                .hasMessage(
                        "open tun " + name
                                + ": macOS calls such interfaces utun and a number; leave the name out, or choose one as utun7");
    }

    @Test
    void whatFailsIsSaidAndNothingStaysOpen() {
        Kernel kernel = new Kernel();
        kernel.connectErrno = 1;
        assertThatThrownBy(() -> Utun.open(TunConfig.named("utun3"), kernel))
                .hasMessage("make tun utun3: error 1 (errno 1); run with sudo");
        assertThat(kernel.calls).endsWith("connect 32: 32 32 2 7 4", "close control");
        kernel.connectErrno = 16;
        assertThatThrownBy(() -> Utun.open(TunConfig.named("utun3"), kernel))
                .hasMessageContaining("another program has it");
        LibC.get().close(kernel.peer);
    }

    @Test
    void anMtuThatIsRefusedIsTheOneThatHolds() throws Exception {
        Kernel kernel = new Kernel();
        kernel.mtuErrno = 22;
        Utun utun = Utun.open(TunConfig.named("utun%d").withMtu(65_000), kernel);
        assertThat(utun.mtu()).isEqualTo(1380);
        assertThat(kernel.calls).endsWith("set mtu of utun5 to 65000", "get mtu of utun5", "close");
        utun.close();
        LibC.get().close(kernel.peer);
    }
}
