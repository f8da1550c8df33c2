package dev.culvert.client.up;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.command.Program;
import dev.culvert.command.Shutdown;
import dev.culvert.command.control.ControlSocket;
import dev.culvert.command.control.Questions;
import dev.culvert.tun.capture.Pcap;
import dev.culvert.tun.device.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.DefaultEventLoop;
import io.netty.channel.EventLoop;
import io.netty.channel.local.LocalChannel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine.Model.CommandSpec;

/** {@code client capture} of a client that is up, to a program that reads it or does not. */
@NullUnmarked
@Timeout(180)
final class CaptureCommandTest {
    private static final byte[] PACKET = Packet.udp(false, 50_000, 7, 9_000, 64, "x".repeat(1_000));
    private static final int HEADER = Pcap.header(Pcap.MAX_SNAP_LENGTH).length;
    private static final int RECORD = 16 + PACKET.length;

    @TempDir
    Path directory;

    private final EventLoop loop = new DefaultEventLoop();
    private final LocalChannel tun = new LocalChannel();
    private final StringWriter err = new StringWriter();
    private final CompletableFuture<Shutdown> shutdown = new CompletableFuture<>();
    private Path path;
    private ControlSocket socket;

    @BeforeEach
    void open() throws Exception {
        loop.register(tun).sync();
        Questions questions = new Questions("client", "1");
        new Captures(tun, Clock.systemUTC()).addTo(questions);
        path = directory.resolve("c.sock");
        socket = ControlSocket.open(path, null, questions, line -> {});
    }

    @AfterEach
    void close() throws Exception {
        socket.close();
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    }

    private int capture(OutputStream out) {
        CommandSpec program = CommandSpec.create().name("client");
        CommandSpec capture = CommandSpec.forAnnotatedObject(new CaptureCommand(out, limit -> {
            Shutdown one = new Shutdown(limit);
            shutdown.complete(one);
            return one;
        }));
        program.addSubcommand("capture", capture);
        picocli.CommandLine line = Program.commandLine(program);
        line.setErr(new PrintWriter(err));
        return line.execute("capture", "-w", "-", "--control-socket", path.toString());
    }

    private void packets(int count) throws Exception {
        loop.submit(() -> {
                    for (int i = 0; i < count; i++) {
                        ByteBuf b = Unpooled.buffer();
                        b.writeZero(VirtioNetHeader.LENGTH).writeBytes(PACKET);
                        tun.pipeline().fireChannelRead(b);
                    }
                })
                .sync();
    }

    /** Waits for the file's header, which is there when packets are looked at, and then says what a test has it say. */
    private final class Reader extends OutputStream {
        final ByteArrayOutputStream read = new ByteArrayOutputStream();
        final CountDownLatch begun = new CountDownLatch(1);
        volatile String trouble;

        @Override
        public void write(int b) {
            throw new AssertionError("byte by byte");
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
            if (len == 0) {
                return;
            }
            begun.countDown();
            if (trouble != null) {
                throw new IOException(trouble);
            }
            read.write(b, off, len);
        }
    }

    private CompletableFuture<Integer> start(Reader reader) throws Exception {
        CompletableFuture<Integer> exit = CompletableFuture.supplyAsync(() -> capture(reader));
        assertThat(reader.begun.await(60, TimeUnit.SECONDS)).isTrue();
        return exit;
    }

    @Test
    void itEndsWhenItsReaderHasGone() throws Exception {
        Reader reader = new Reader();
        CompletableFuture<Integer> exit = start(reader);
        reader.trouble = "Broken pipe";
        packets(1);
        assertThat(exit.get(60, TimeUnit.SECONDS)).isZero();
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void aFullDiskIsSaid() throws Exception {
        Reader reader = new Reader();
        CompletableFuture<Integer> exit = start(reader);
        reader.trouble = "No space left on device";
        packets(1);
        assertThat(exit.get(60, TimeUnit.SECONDS)).isOne();
        assertThat(err.toString())
                .isEqualTo(
                        "client: -w -: the capture has ended early: No space left on device; make room on its disk\n");
    }

    /** A PrintStream would say nothing of either. */
    @Test
    void whatItWritesToSaysWhenItCannotBeWritten() {
        assertThat(CaptureCommand.standardOutput()).isNotInstanceOf(PrintStream.class);
    }

    @Test
    void whatWasTakenIsThereWhenItIsEnded() throws Exception {
        Reader reader = new Reader();
        CompletableFuture<Integer> exit = start(reader);
        packets(5_000); // more than sockets hold, and less than waits in memory
        shutdown.get(60, TimeUnit.SECONDS).request(Duration.ofMinutes(1));
        assertThat(exit.get(60, TimeUnit.SECONDS)).isZero();
        assertThat(err.toString()).isEqualTo("client: 5000 packets\n");
        ByteBuffer file = ByteBuffer.wrap(reader.read.toByteArray()).order(ByteOrder.nativeOrder());
        assertThat(file.remaining()).isEqualTo(HEADER + 5_000 * RECORD);
        assertThat(file.getInt(HEADER + 4_999 * RECORD + 8)).isEqualTo(PACKET.length);
        assertThat(tun.pipeline().names()).as("nothing is left of it").hasSize(1);
    }
}
