package dev.culvert.tunnel;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.jspecify.annotations.NullUnmarked;

/** A server on loopback that answers each upgrade as a script says: what stands at a gateway's address may be anything. */
@NullUnmarked
final class GatewayStub implements AutoCloseable {
    /** Answers one connection, whose request has been read; closing is the stub's. */
    interface Script {
        void answer(String request, Socket socket) throws IOException;
    }

    /** A key and its certificate chain, leaf first. */
    record Identity(KeyPair key, X509Certificate... chain) {}

    final List<String> requests = new CopyOnWriteArrayList<>();
    final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final ServerSocket server;
    private final boolean tls;

    GatewayStub(Identity identity, Script script) throws Exception {
        tls = identity != null;
        server = tls
                ? context(identity).getServerSocketFactory().createServerSocket(0, 50, InetAddress.getLoopbackAddress())
                : new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread acceptor = new Thread(
                () -> {
                    try {
                        while (true) {
                            Socket s = server.accept();
                            sockets.add(s);
                            Thread t = new Thread(() -> serve(s, script), "gateway-stub-connection");
                            t.setDaemon(true);
                            t.start();
                        }
                    } catch (IOException closed) {
                        // close() was called
                    }
                },
                "gateway-stub");
        acceptor.setDaemon(true);
        acceptor.start();
    }

    private void serve(Socket s, Script script) {
        try (s) {
            String request = readRequest(s.getInputStream());
            requests.add(request);
            script.answer(request, s);
        } catch (IOException e) {
            // The client went away, or refused our certificate: the test looks at the client.
        }
    }

    static String readRequest(InputStream in) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.US_ASCII).endsWith("\r\n\r\n")) {
            int b = in.read();
            if (b < 0) {
                throw new IOException("end of stream inside the request");
            }
            head.write(b);
        }
        return head.toString(StandardCharsets.US_ASCII);
    }

    URI uri() {
        return URI.create((tls ? "wss" : "ws") + "://127.0.0.1:" + server.getLocalPort());
    }

    static String header(String request, String name) {
        return request.lines()
                .filter(l -> l.toLowerCase(java.util.Locale.ROOT).startsWith(name + ":"))
                .map(l -> l.substring(name.length() + 1).strip())
                .findFirst()
                .orElse("");
    }

    /** A right answer to the upgrade, and {@code behind} in the same write. */
    static Script upgrade(byte[] behind) {
        return (request, socket) -> {
            OutputStream out = socket.getOutputStream();
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            all.writeBytes(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            + "Sec-WebSocket-Accept: " + LinkUpgrade.accept(header(request, "sec-websocket-key"))
                            + "\r\nSec-WebSocket-Protocol: culvert.1\r\n\r\n")
                    .getBytes(StandardCharsets.US_ASCII));
            all.writeBytes(behind);
            out.write(all.toByteArray());
            out.flush();
            socket.getInputStream().transferTo(OutputStream.nullOutputStream()); // until the client goes
        };
    }

    static Script response(String response) {
        return (request, socket) -> {
            socket.getOutputStream().write(response.getBytes(StandardCharsets.UTF_8));
            socket.getOutputStream().flush();
            socket.getInputStream().transferTo(OutputStream.nullOutputStream());
        };
    }

    static String page(String status, String type, String body) {
        return "HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\nContent-Length: "
                + body.getBytes(StandardCharsets.UTF_8).length + "\r\n\r\n" + body;
    }

    /** A gateway's own refusal of the token. */
    static Script refusal(String text) {
        return response(page("403 Forbidden", "text/plain\r\n" + LinkUpgrade.REFUSAL + ": token", text));
    }

    private static SSLContext context(Identity identity) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("gateway", identity.key().getPrivate(), new char[0], identity.chain());
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    static KeyPair key() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        return generator.generateKeyPair();
    }

    static X509Certificate certificate(
            String name, KeyPair key, String issuer, KeyPair issuerKey, boolean ca, Duration validFor)
            throws Exception {
        Instant now = Instant.now();
        Instant from = validFor.isNegative() ? now.plus(validFor.multipliedBy(2)) : now.minusSeconds(60);
        JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                new X500Name("CN=" + issuer),
                BigInteger.valueOf(System.nanoTime()),
                Date.from(from),
                Date.from(now.plus(validFor)),
                new X500Name("CN=" + name),
                key.getPublic());
        builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(ca));
        return new JcaX509CertificateConverter()
                .getCertificate(
                        builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(issuerKey.getPrivate())));
    }

    static byte[] pin(KeyPair ca) throws Exception {
        return MessageDigest.getInstance("SHA-256").digest(ca.getPublic().getEncoded());
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket s : sockets) {
            s.close();
        }
    }
}
