package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * What a crowd of agents costs two gateways on one Redis, and how soon all are back when one is restarted, or killed. A
 * benchmark, for people: {@code scripts/bench-crowd}. What came of it is in docs/benchmarks.md.
 */
@Tag("netns")
final class CrowdBenchmark {
    @RegisterExtension
    static final Lab lab = new Lab();

    private static final int AGENTS = Integer.getInteger("culvert.crowd", 10_000);

    /** Each has a socket to each gateway, and a process may often have no more than 20,000 files. */
    private static final int MOST_OF_A_PROCESS = 5_000;

    private static final Duration PATIENCE = Duration.ofMinutes(10);
    private static final Duration QUIET = Duration.ofSeconds(15);
    private static final Duration COUNTED = Duration.ofSeconds(30);
    private static final Pattern CALLS = Pattern.compile("cmdstat_([a-z|]+):calls=(\\d+)");

    /** What the agents run on: as the launchers of the programs, on the newest. */
    private static final String JAVA = System.getProperty(
            "culvert.crowd.java",
            Path.of(System.getProperty("java.home"), "bin", "java").toString());

    private final TwoGateways gateways = new TwoGateways(lab, TwoGateways.REDIS);
    private final List<Program> crowds = new ArrayList<>();

    private static void say(String format, Object... values) {
        System.out.println("CrowdBenchmark: " + String.format(Locale.ROOT, format, values));
    }

    @Test
    void aCrowdComesAndComesBack() throws Exception {
        TwoGateways.startRedis(lab);
        gateways.done("init", "--gateway", TwoGateways.urls("127.0.0.1"));
        gateways.share();
        gateways.start(0);
        gateways.start(1);
        pause(QUIET);
        long idle = gateways.get(0).residentKilobytes();
        say("a gateway without a link: %d KiB; the store is asked %s", idle, storeLoad());

        long start = System.nanoTime();
        long itself = processorMillis(gateways.get(0));
        for (int first = 0; first < AGENTS; first += MOST_OF_A_PROCESS) {
            crowds.add(startCrowd(first, Math.min(MOST_OF_A_PROCESS, AGENTS - first)));
        }
        for (int which = 0; which < 2; which++) {
            for (Program crowd : crowds) {
                crowd.awaitOutput("ALL " + (Lab.PORT + which), PATIENCE);
            }
        }
        say(
                "%d agents are at both gateways after %d s; of a processor a gateway took %.1f s for that",
                AGENTS, (System.nanoTime() - start) / 1_000_000_000, (processorMillis(gateways.get(0)) - itself) / 1e3);
        pause(QUIET);
        for (int which = 0; which < 2; which++) {
            Program gateway = gateways.get(which);
            long before = processorMillis(gateway);
            String load = storeLoad();
            long spent = processorMillis(gateway) - before;
            long kilobytes = gateway.residentKilobytes();
            say(
                    "gateway %d: %d KiB, %.1f KiB a link; %.1f %% of a processor; the store is asked %s",
                    which, kilobytes, (kilobytes - idle) / (double) AGENTS, 100.0 * spent / COUNTED.toMillis(), load);
        }

        returns("restarted", () -> assertThat(gateways.get(0).terminate()).isEqualTo(143));
        returns("killed", () -> gateways.get(0).kill());
        for (Program crowd : crowds) {
            assertThat(crowd.output()).doesNotContain("REFUSED");
            crowd.endInput();
        }
    }

    private interface Ends {
        void end() throws Exception;
    }

    /** The first gateway ends, and is started again at once. */
    private void returns(String how, Ends ends) throws Exception {
        List<Integer> marks = crowds.stream().map(Program::mark).toList();
        long start = System.nanoTime();
        ends.end();
        long ended = System.nanoTime();
        gateways.start(0);
        long listening = System.nanoTime();
        long itself = processorMillis(gateways.get(0));
        long theirs = crowdsMillis();
        for (int i = 0; i < crowds.size(); i++) {
            Program crowd = crowds.get(i);
            crowd.awaitOutputAfter(marks.get(i), "BACK " + Lab.PORT, PATIENCE);
            say(
                    "%s: %s",
                    how,
                    crowd.output()
                            .substring(marks.get(i))
                            .lines()
                            .filter(line -> line.startsWith("BACK " + Lab.PORT))
                            .findFirst()
                            .orElseThrow());
        }
        say(
                "%s: ended in %.1f s, listened %.1f s later, and all were there %.1f s after that; %.1f s of a processor"
                        + " since its start, %.1f ms for each of them, who took %.1f ms each; %d KiB",
                how,
                (ended - start) / 1e9,
                (listening - ended) / 1e9,
                (System.nanoTime() - listening) / 1e9,
                processorMillis(gateways.get(0)) / 1e3,
                (processorMillis(gateways.get(0)) - itself) / (double) AGENTS,
                (crowdsMillis() - theirs) / (double) AGENTS,
                gateways.get(0).residentKilobytes());
        pause(QUIET);
    }

    private Program startCrowd(int first, int count) throws Exception {
        String classes = Path.of(AgentCrowd.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .toURI())
                .toString();
        // In life each has a processor of its own: here they have what the gateways leave.
        List<String> line = new ArrayList<>(List.of(
                "nice",
                "-n",
                "19",
                JAVA,
                "-Xmx2g",
                "-XX:+UseSerialGC", // as an agent has
                "-XX:MaxDirectMemorySize=4g",
                "-Dio.netty.leakDetection.level=disabled",
                "-cp",
                lab.jars() + "/*:" + classes,
                AgentCrowd.class.getName(),
                gateways.state(0).toString(),
                TwoGateways.REDIS,
                Integer.toString(first),
                Integer.toString(count),
                Integer.toString(Lab.PORT),
                Integer.toString(Lab.PORT + 1)));
        return lab.start(lab.gateway, "crowd", line.toArray(String[]::new));
    }

    /** Commands that the store has done in a second, of a while in which nothing happens. */
    private static String storeLoad() throws Exception {
        String before = commands();
        long start = System.nanoTime();
        pause(COUNTED);
        double seconds = (System.nanoTime() - start) / 1e9;
        String after = commands();
        StringBuilder said = new StringBuilder();
        Matcher m = CALLS.matcher(after);
        while (m.find()) {
            Matcher was = Pattern.compile("cmdstat_" + Pattern.quote(m.group(1)) + ":calls=(\\d+)")
                    .matcher(before);
            long calls = Long.parseLong(m.group(2)) - (was.find() ? Long.parseLong(was.group(1)) : 0);
            if (calls / seconds >= 0.05) {
                said.append(String.format(Locale.ROOT, " %.1f %s", calls / seconds, m.group(1)));
            }
        }
        return "a second:" + said;
    }

    private static String commands() throws Exception {
        return lab.must(lab.gateway, "redis-cli", "info", "commandstats");
    }

    private long crowdsMillis() throws Exception {
        long all = 0;
        for (Program crowd : crowds) {
            all += processorMillis(crowd);
        }
        return all;
    }

    private static long processorMillis(Program program) throws Exception {
        String stat = Files.readString(Path.of("/proc/" + program.pid() + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return 10 * (Long.parseLong(fields[11]) + Long.parseLong(fields[12])); // utime and stime, by 100 a second
    }

    private static void pause(Duration time) {
        await().pollDelay(time).atMost(time.plus(PATIENCE)).until(() -> true);
    }
}
