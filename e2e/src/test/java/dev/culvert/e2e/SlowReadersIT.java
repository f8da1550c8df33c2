package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Readers of a byte a second, with senders that push without end: what they hold, and what others feel of it. */
@Tag("netns")
final class SlowReadersIT {
    @RegisterExtension
    static final Lab lab = new Lab();

    /** In each direction. */
    private static final String READERS = "10";

    /** The growth that one link hands out is the most that an end may hold for all of its flows (docs/protocol.md 6). */
    private static final long BOUND_KILOBYTES = 128 << 10;

    private static final Duration MINUTES = Duration.ofMinutes(3);

    private static Program gateway;
    private static Program agent;
    private static Program client;

    @BeforeAll
    static void start() throws Exception {
        LanServices.start(lab);
        gateway = lab.startGateway();
        agent = lab.startOffice();
        client = lab.startLaptop();
    }

    private static void transfer() throws Exception {
        String size = lab.must(
                lab.client,
                "curl",
                "-sS",
                "-m",
                Long.toString(MINUTES.toSeconds()),
                "-o",
                "/dev/null",
                "-w",
                "%{size_download}",
                "http://" + Lab.OFFICE_HOST + ":" + LanServices.HTTP + "/big");
        assertThat(Long.parseLong(size.strip())).isEqualTo(LanServices.BIG);
    }

    @Test
    void tenEachWayHoldTheirBoundAndATransferBesideThemCompletes() throws Exception {
        transfer(); // what a transfer makes a process take belongs to it, not to the slow readers
        List<Program> programs = List.of(client, gateway, agent);
        long[] before = new long[programs.size()];
        for (int i = 0; i < before.length; i++) {
            before[i] = programs.get(i).residentKilobytes();
        }
        Program sip = lab.startProbe(
                lab.client,
                "sip",
                Lab.OFFICE_HOST,
                Integer.toString(LanServices.SIPPING),
                Integer.toString(LanServices.ENDLESS),
                READERS);
        sip.awaitOutput("STUCK", MINUTES);
        assertGrowth(programs, before);

        transfer();
        int mark = sip.mark();
        assertThat(sip.isAlive()).isTrue();
        assertGrowth(programs, before);
        sip.input("\n");
        sip.awaitOutputAfter(mark, "MOVED", MINUTES);
        String[] moved =
                sip.output().substring(sip.output().indexOf("MOVED")).strip().split(" ");
        assertThat(Long.parseLong(moved[1])).as("sent").isBetween(1L << 20, BOUND_KILOBYTES << 10);
        assertThat(Long.parseLong(moved[2])).as("read").isPositive();
        for (Program p : programs) {
            assertThat(p.output()).as(p.name()).doesNotContain("Exception").doesNotContain("LEAK");
        }
    }

    private static void assertGrowth(List<Program> programs, long[] before) throws Exception {
        for (int i = 0; i < before.length; i++) {
            Program p = programs.get(i);
            assertThat(p.residentKilobytes() - before[i]).as(p.name()).isLessThan(BOUND_KILOBYTES);
        }
    }
}
