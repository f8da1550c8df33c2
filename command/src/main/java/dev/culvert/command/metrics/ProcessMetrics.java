package dev.culvert.command.metrics;

import io.netty.util.internal.PlatformDependent;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Of a process and its JVM, by the names that other programs have for them. What the system does not say is left out. */
final class ProcessMetrics {
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path LIMITS = Path.of("/proc/self/limits");

    private static final int KIB = 1 << 10;

    private ProcessMetrics() {}

    static void tell(Metrics to) {
        tellOfJvm(to);
        to.gauge(
                "netty_direct_memory_used_bytes",
                "Memory of buffers, outside of the heap.",
                PlatformDependent.usedDirectMemory());
        to.gauge("netty_direct_memory_max_bytes", "Most that it may be.", PlatformDependent.maxDirectMemory());
        ProcessHandle.Info info = ProcessHandle.current().info();
        to.counter(
                "process_cpu_seconds_total",
                "CPU time that this process has taken.",
                seconds(info.totalCpuDuration().orElse(Duration.ZERO)));
        to.gauge(
                "process_start_time_seconds",
                "When this process was started, in seconds since 1970.",
                info.startInstant().map(Instant::toEpochMilli).orElse(0L) / (double) TimeUnit.SECONDS.toMillis(1));
        try (DirectoryStream<Path> open = Files.newDirectoryStream(DESCRIPTORS)) {
            int n = 0;
            for (Path ignored : open) {
                n++;
            }
            to.gauge("process_open_fds", "Open file descriptors.", n);
            to.gauge("process_max_fds", "How many there may be.", number(LIMITS, "Max open files"));
            to.gauge(
                    "process_resident_memory_bytes",
                    "Memory of this process that is in RAM.",
                    KIB * number(STATUS, "VmRSS:"));
        } catch (IOException e) {
            return; // not Linux
        }
    }

    private static void tellOfJvm(Metrics to) {
        MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        to.gauge("jvm_memory_used_bytes", "Memory of the JVM in use.", heap.getUsed(), "area", "heap");
        to.gauge("jvm_memory_max_bytes", "Most that it may be.", heap.getMax(), "area", "heap");
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            to.counter(
                    "jvm_gc_collections_total",
                    "Collections of garbage.",
                    Math.max(0, collector.getCollectionCount()),
                    "gc",
                    collector.getName());
            to.counter(
                    "jvm_gc_collection_seconds_total",
                    "Time that they have taken, in which nothing else was done.",
                    Math.max(0, collector.getCollectionTime()) / (double) TimeUnit.SECONDS.toMillis(1),
                    "gc",
                    collector.getName());
        }
        to.gauge(
                "jvm_threads_current",
                "Threads.",
                ManagementFactory.getThreadMXBean().getThreadCount());
    }

    private static double seconds(Duration d) {
        return d.toNanos() / (double) TimeUnit.SECONDS.toNanos(1);
    }

    /** The first number in the line that begins so; infinite when it is a word. */
    private static double number(Path file, String begin) throws IOException {
        List<String> lines = Files.readAllLines(file);
        for (String line : lines) {
            if (line.startsWith(begin)) {
                String first = line.substring(begin.length()).strip().split("\\s+")[0];
                try {
                    return Long.parseLong(first);
                } catch (NumberFormatException e) {
                    return Double.POSITIVE_INFINITY; // "unlimited"
                }
            }
        }
        throw new IOException(file + " has no line '" + begin + "'");
    }
}
