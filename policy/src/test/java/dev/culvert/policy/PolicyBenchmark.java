package dev.culvert.policy;

import dev.culvert.address.SensitiveAddresses;
import dev.culvert.address.Transport;
import java.net.InetAddress;
import java.time.Instant;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * What one judgement costs with ten thousand grants and a hundred denies, for a client that is named itself and in five
 * groups. Run {@link #main}.
 */
@NullUnmarked
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class PolicyBenchmark {
    private static final int GRANTS = 10_000;
    private static final int PROBES = 1 << 12;

    private final InetAddress[] addresses = new InetAddress[PROBES];
    private final int[] ports = new int[PROBES];
    private final String[] agents = new String[PROBES];
    private String text;
    private Policy policy;
    private ClientPolicy client;
    private int next;

    @Setup
    public void setUp() throws Exception {
        Random random = new Random(1);
        StringBuilder yaml = new StringBuilder("groups:\n");
        for (int g = 0; g < 20; g++) {
            yaml.append("  g")
                    .append(g)
                    .append(": [")
                    .append(g < 5 ? "laptop, " : "")
                    .append("c1, c2, c3]\n");
        }
        yaml.append("tags: {t0: [a0, a1, a2], t1: [a0, a5]}\ndeny:\n");
        for (int i = 0; i < 100; i++) {
            yaml.append("  - {to: 10.")
                    .append(random.nextInt(256))
                    .append(".255.")
                    .append(i)
                    .append("}\n");
        }
        yaml.append("grants:\n");
        for (int i = 0; i < GRANTS; i++) {
            int length = 8 + random.nextInt(25);
            int address = (10 << 24 | random.nextInt(1 << 24)) & (length == 0 ? 0 : -1 << 32 - length);
            String who = i % 3 == 0 ? "laptop" : "group:g" + random.nextInt(20);
            String agent = i % 5 == 0 ? "\"*\"" : i % 5 == 1 ? "tag:t" + random.nextInt(2) : "a" + random.nextInt(10);
            int port = 1 + random.nextInt(60_000);
            yaml.append(String.format(
                    "  - {who: %s, agents: %s, to: %d.%d.%d.%d/%d, ports: [%d-%d/tcp, %d/udp]}%n",
                    who,
                    agent,
                    address >>> 24,
                    address >> 16 & 255,
                    address >> 8 & 255,
                    address & 255,
                    length,
                    port,
                    port + random.nextInt(5_000),
                    port));
        }
        text = yaml.toString();
        policy = PolicyParser.parse(text);
        client = policy.atAnyTime(SensitiveAddresses.standard()).client("laptop");
        for (int i = 0; i < PROBES; i++) {
            addresses[i] = InetAddress.getByAddress(
                    new byte[] {10, (byte) random.nextInt(), (byte) random.nextInt(), (byte) random.nextInt()});
            ports[i] = 1 + random.nextInt(65_535);
            agents[i] = "a" + random.nextInt(10);
        }
    }

    @Benchmark
    public Verdict judge() {
        int i = next++ & PROBES - 1;
        return client.through(agents[i]).judge(Transport.TCP, addresses[i], ports[i]);
    }

    @Benchmark
    public Verdict judgeName() {
        int i = next++ & PROBES - 1;
        return client.through(agents[i]).judgeName(Transport.TCP, "db.corp.example", ports[i]);
    }

    /** What a flow to a name that no grant names costs besides: the list of the addresses that are granted. */
    @Benchmark
    @OutputTimeUnit(TimeUnit.MICROSECONDS)
    public Object prefixes() {
        int i = next++ & PROBES - 1;
        return client.through(agents[i]).prefixes(Transport.TCP, ports[i]);
    }

    @Benchmark
    @OutputTimeUnit(TimeUnit.MILLISECONDS)
    public Object compile() {
        return policy.at(Instant.EPOCH, SensitiveAddresses.standard());
    }

    @Benchmark
    @OutputTimeUnit(TimeUnit.MILLISECONDS)
    public Object parse() throws Exception {
        return PolicyParser.parse(text);
    }

    public static void main(String[] args) throws Exception {
        new Runner(new OptionsBuilder()
                        .include(PolicyBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
