package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpRequest;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** What a request that is not whole costs. */
@NullUnmarked
final class RequestReaderTest {
    private final Strangers strangers = new Strangers(System::nanoTime, false);
    private final EmbeddedChannel channel = new EmbeddedChannel();

    private RequestReader reader() throws Exception {
        RequestReader reader = new RequestReader(strangers.enter(InetAddress.getByName("192.0.2.1"), channel::close));
        channel.pipeline().addLast(reader);
        return reader;
    }

    private void send(String text, int bytesAtOnce) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        for (int i = 0; i < bytes.length; i += bytesAtOnce) {
            // A slice of something large, as reads are.
            ByteBuf read = Unpooled.buffer(65_536).writeBytes(bytes, i, Math.min(bytesAtOnce, bytes.length - i));
            channel.writeInbound(read);
        }
    }

    private String read() {
        ByteBuf b = channel.readInbound();
        String text = b.toString(StandardCharsets.US_ASCII);
        b.release();
        return text;
    }

    private long cost() {
        return strangers.bytes() - Strangers.CONNECTION;
    }

    @Test
    void handsOnWholeHeadsHoweverTheyCome() throws Exception {
        reader();
        String head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for (int atOnce = 1; atOnce < 3 * head.length(); atOnce++) {
            send(head + head + head, atOnce);
            for (int i = 0; i < 3; i++) {
                assertThat(read()).isEqualTo(head);
            }
            assertThat(channel.<Object>readInbound()).isNull();
        }
    }

    @Test
    void anUnfinishedOneCostsWhatItsBufferDoes() throws Exception {
        reader();
        send("GET / HTTP/1.1\r\n" + "a:b\r\n".repeat(60), 1);
        assertThat(cost()).isEqualTo(512);
        send("b: " + "x".repeat(20_000), 1);
        assertThat(cost()).isBetween(20_000L, 65_536L);
        assertThat(channel.<Object>readInbound()).isNull();
        channel.pipeline().removeFirst();
        assertThat(strangers.bytes()).isZero();
        channel.finishAndReleaseAll();
    }

    @Test
    void tooManyLinesAndTooLongOnesAreAnsweredAndNoMoreIsKept() throws Exception {
        for (String head : new String[] {
            "GET / HTTP/1.1\r\n" + "a:b\r\n".repeat(65),
            "GET / HTTP/1.1\r\na: b\r\n" + " c\r\n".repeat(65),
            "GET /" + "a".repeat(5_000),
            "GET / HTTP/1.1\r\na: " + "b".repeat(30_000)
        }) {
            RequestReader reader = reader();
            send(head, 7);
            HttpRequest request = channel.readInbound();
            assertThat(request.decoderResult().isFailure()).isTrue();
            send(head, 7);
            assertThat(channel.<Object>readInbound()).isNull();
            channel.pipeline().remove(reader);
        }
    }

    @Test
    void emptyLinesBeforeARequestAreNothing() throws Exception {
        reader();
        for (int i = 0; i < 100_000; i++) {
            send("\r\n", 2);
            read();
        }
        assertThat(cost()).isLessThan(1_000);
    }

    @Test
    void aConnectionWhoseNetworkHasNoMoreIsClosed() throws Exception {
        RequestReader reader = reader();
        Strangers.Stranger greedy = strangers.enter(InetAddress.getByName("192.0.2.1"), () -> {});
        assertThat(greedy.costs(Strangers.NARROW - 2 * Strangers.CONNECTION)).isTrue();
        send("GET /", 5);
        assertThat(channel.isOpen()).isFalse();
        channel.finishAndReleaseAll();
        assertThat(reader).isNotNull();
    }
}
