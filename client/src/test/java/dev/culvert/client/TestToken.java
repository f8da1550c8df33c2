package dev.culvert.client;

import dev.culvert.token.ClientToken;
import dev.culvert.token.Grant;
import dev.culvert.token.TokenTerms;
import dev.culvert.token.sign.SigningKey;
import dev.culvert.token.sign.TokenSigner;
import dev.culvert.tunnel.fixture.GatewayStub;
import dev.culvert.tunnel.fixture.WebSocketMessage;
import dev.culvert.tunnel.frame.Announcement;
import dev.culvert.tunnel.frame.Frame;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/** A laptop's token in a file, as {@code --token-file} takes it, and what a gateway tells its holder. */
public final class TestToken {
    private TestToken() {}

    /** For everything through the agent "office"; best gateway first. */
    public static Path write(Path directory, URI... gateways) throws IOException {
        Instant now = Instant.now();
        TokenTerms terms = TokenTerms.of("laptop", List.of(gateways), null, now, now.plus(Duration.ofDays(30)));
        String jwt = new TokenSigner(SigningKey.generate())
                .sign(ClientToken.of(terms, List.of(Grant.parse("office:0.0.0.0/0"))));
        Path file = directory.resolve("token");
        Files.deleteIfExists(file);
        Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        return Files.writeString(file, jwt);
    }

    /** A gateway that accepts the token and says that there are these agents. */
    public static GatewayStub announcing(Announcement.ReachableAgent... agents) throws Exception {
        return sending(Announcement.encode(new Announcement.Reachable("laptop", List.of(agents))));
    }

    /** One that accepts the token and sends this as its announcement. */
    public static GatewayStub sending(byte[] announcement) throws Exception {
        ByteBuf message = WebSocketMessage.encode(
                WebSocketMessage.BINARY, WebSocketMessage.frame(Frame.ANNOUNCE, 0, 0, announcement), null);
        byte[] bytes = ByteBufUtil.getBytes(message);
        message.release();
        return new GatewayStub(null, GatewayStub.upgrade(bytes));
    }
}
