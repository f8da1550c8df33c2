package dev.culvert.tun.macos;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.jna.Structure;
import org.junit.jupiter.api.Test;

/** What is handed to the kernel has the layout of its headers: the numbers here are of those, for x86-64 and arm64 alike. */
final class XnuTest {
    /** Where the fields of a structure begin, by writing 0xff into one at a time. */
    private static int offset(Structure structure, String field) {
        structure.clear();
        Object value = structure.readField(field);
        structure.getPointer().setMemory(0, structure.size(), (byte) 0);
        if (value instanceof Byte) {
            structure.writeField(field, (byte) -1);
        } else if (value instanceof Short) {
            structure.writeField(field, (short) -1);
        } else if (value instanceof Integer) {
            structure.writeField(field, -1);
        } else if (value instanceof byte[] bytes) {
            java.util.Arrays.fill(bytes, (byte) -1);
            structure.writeField(field, bytes);
        } else if (value instanceof int[] ints) {
            java.util.Arrays.fill(ints, -1);
            structure.writeField(field, ints);
        }
        byte[] all = structure.getPointer().getByteArray(0, structure.size());
        for (int i = 0; i < all.length; i++) {
            if (all[i] != 0) {
                return i;
            }
        }
        throw new AssertionError(field);
    }

    @Test
    void controlInfo() {
        Xnu.CtlInfo info = new Xnu.CtlInfo();
        assertThat(info.size()).isEqualTo(100);
        assertThat(offset(info, "id")).isZero();
        assertThat(offset(info, "name")).isEqualTo(4);
    }

    @Test
    void controlAddress() {
        Xnu.SockaddrCtl address = new Xnu.SockaddrCtl();
        assertThat(address.size()).isEqualTo(32);
        assertThat(offset(address, "length")).isZero();
        assertThat(offset(address, "family")).isEqualTo(1);
        assertThat(offset(address, "sysaddr")).isEqualTo(2);
        assertThat(offset(address, "id")).isEqualTo(4);
        assertThat(offset(address, "unit")).isEqualTo(8);
        assertThat(offset(address, "reserved")).isEqualTo(12);
    }

    @Test
    void interfaceRequest() {
        Xnu.Ifreq request = new Xnu.Ifreq();
        assertThat(request.size()).isEqualTo(32);
        assertThat(offset(request, "name")).isZero();
        assertThat(offset(request, "mtu")).isEqualTo(16);
        assertThat(offset(request, "rest")).isEqualTo(20);
    }

    /** bsd/sys/ioccom.h: direction, size of what is passed, group and number. */
    @Test
    void requestsAreOfTheirStructuresSizes() {
        long in = 0x8000_0000L;
        long inAndOut = 0xc000_0000L;
        assertThat(Xnu.CTLIOCGINFO).isEqualTo(inAndOut | new Xnu.CtlInfo().size() << 16 | 'N' << 8 | 3);
        assertThat(Xnu.SIOCGIFMTU).isEqualTo(inAndOut | new Xnu.Ifreq().size() << 16 | 'i' << 8 | 51);
        assertThat(Xnu.SIOCSIFMTU).isEqualTo(in | new Xnu.Ifreq().size() << 16 | 'i' << 8 | 52);
    }
}
