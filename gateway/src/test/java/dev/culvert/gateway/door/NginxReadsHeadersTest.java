package dev.culvert.gateway.door;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.io.File;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Headers for targets, read by a real nginx. */
@NullUnmarked
final class NginxReadsHeadersTest {
    @TempDir
    Path dir;

    private Process nginx;
    private int port;

    @BeforeEach
    void start() throws Exception {
        File program = List.of("/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx").stream()
                .map(File::new)
                .filter(File::canExecute)
                .findFirst()
                .orElse(null);
        assumeTrue(program != null, "nginx is not installed");
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        String temporary = "";
        for (String kind : List.of("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) {
            temporary += kind + "_temp_path " + dir.resolve(kind) + ";\n";
        }
        Path settings = Files.writeString(dir.resolve("nginx.conf"), """
            daemon off; master_process off; pid %s/pid; error_log %s/error.log info;
            events {}
            http {
              access_log off;
              %s
              server {
                listen 127.0.0.1:%d proxy_protocol;
                set_real_ip_from 127.0.0.1;
                real_ip_header proxy_protocol;
                location / { return 200 "<$remote_addr $remote_port $proxy_protocol_server_addr>"; }
              }
            }
            """.formatted(dir, dir, temporary, port));
        nginx = new ProcessBuilder(program.getPath(), "-p", dir.toString(), "-c", settings.toString())
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("out").toFile())
                .start();
        await().atMost(Duration.ofSeconds(60)).ignoreExceptions().until(() -> {
            new Socket(InetAddress.getByName("127.0.0.1"), port).close();
            return true;
        });
    }

    @AfterEach
    void stop() throws Exception {
        if (nginx != null) {
            nginx.destroy();
            assertThat(nginx.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 192.0.2.7, 198.51.100.1, 192.0.2.7 4711 198.51.100.1",
        "2, 192.0.2.7, 198.51.100.1, 192.0.2.7 4711 198.51.100.1",
        "1, 2001:db8::7, 2001:db8::1, 2001:db8::7 4711 2001:db8::1",
        "2, 2001:db8::7, 2001:db8::1, 2001:db8::7 4711 2001:db8::1",
        "2, 192.0.2.7, 2001:db8::1, ::ffff:192.0.2.7 4711 2001:db8::1",
    })
    void itKnowsTheVisitor(int version, String from, String to, String known) throws Exception {
        ByteBuf header = new ProxyHeader(
                        version,
                        new Visitor(
                                new InetSocketAddress(InetAddress.getByName(from), 4711),
                                new InetSocketAddress(InetAddress.getByName(to), 443)),
                        "app.test",
                        new ProxyHeader.Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "h2"))
                .encode();
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(60_000);
            socket.getOutputStream().write(ByteBufUtil.getBytes(header));
            socket.getOutputStream()
                    .write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            assertThat(new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII))
                    .startsWith("HTTP/1.1 200")
                    .endsWith("<" + known + ">");
        }
        header.release();
    }
}
