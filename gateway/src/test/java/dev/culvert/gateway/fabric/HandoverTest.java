package dev.culvert.gateway.fabric;

import static org.assertj.core.api.Assertions.assertThat;

import dev.culvert.gateway.TestNetwork;
import dev.culvert.token.Token;
import dev.culvert.token.TokenBinding;
import dev.culvert.token.holder.HolderKey;
import dev.culvert.token.sign.TokenReader;
import dev.culvert.token.state.Renewals;
import dev.culvert.tunnel.connect.LinkConnector;
import dev.culvert.tunnel.frame.Frame;
import dev.culvert.tunnel.link.Link;
import dev.culvert.tunnel.link.LinkRefusedException;
import dev.culvert.tunnel.link.LinkSettings;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Renewed tokens on the links of their holders, by a real gateway on loopback. */
@NullUnmarked
final class HandoverTest {
    private static final HolderKey KEY = HolderKey.generate();
    private static final HolderKey OTHER_KEY = HolderKey.generate();

    @TempDir
    Path dir;

    private static String bound(TestNetwork net, HolderKey key) throws Exception {
        return net.boundToken("laptop", new TokenBinding.Key(key.thumbprint()));
    }

    private static LinkConnector connector(TestNetwork net, String jwt, HolderKey key) throws Exception {
        return net.connector(jwt, key.pair());
    }

    private static Link connect(TestNetwork net, LinkConnector connector, TestNetwork.Raw raw) throws Exception {
        return connector
                .connect(net.loops.next(), LinkSettings.DEFAULT, raw)
                .get(TestNetwork.PATIENCE, TimeUnit.SECONDS);
    }

    private static TestNetwork.Raw raw(TestNetwork net, String jwt, HolderKey key) throws Exception {
        TestNetwork.Raw raw = new TestNetwork.Raw();
        connect(net, connector(net, jwt, key), raw);
        return raw;
    }

    /** The same with a later end, waiting. */
    private static Token renewed(TestNetwork net, String jwt) throws Exception {
        Token old = TokenReader.read(jwt);
        Token next =
                old.withTerms(old.terms().renewed(old.notBefore(), old.expires().plus(Duration.ofDays(9))));
        net.state
                .renewals()
                .add(new Renewals.Entry(
                        old.kind(),
                        old.name(),
                        KEY.thumbprint(),
                        next.id(),
                        next.expires(),
                        net.state.signer().sign(next),
                        old.id()));
        return next;
    }

    private static String offered(TestNetwork.Raw raw) throws Exception {
        return new String(raw.next(Frame.RENEWED).payload(), StandardCharsets.US_ASCII);
    }

    private static List<Renewals.Entry> waiting(TestNetwork net) throws Exception {
        return net.state.renewals().watch().current();
    }

    @Test
    void isHandedToItsHolderUntilThatHasIt() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            String old = bound(net, KEY);
            TestNetwork.Raw other = raw(net, bound(net, OTHER_KEY), OTHER_KEY);
            TestNetwork.Raw first = raw(net, old, KEY);
            Token token = renewed(net, old);
            String jwt = offered(first);
            assertThat(net.state.verifier().verify(jwt))
                    .isEqualTo(net.state.signer().named(token));
            first.up.join().channel().close(); // before it has answered

            TestNetwork.Raw second = raw(net, old, KEY);
            assertThat(offered(second)).isEqualTo(jwt);
            second.send(Frame.RENEWED, 0, 0, Unpooled.copiedBuffer("another", StandardCharsets.US_ASCII));
            second.send(Frame.RENEWED, 0, 0, Unpooled.wrappedBuffer(new byte[20_000]));
            assertThat(waiting(net)).hasSize(1);
            second.send(Frame.RENEWED, 0, 0, Unpooled.copiedBuffer(token.id(), StandardCharsets.US_ASCII));
            Awaitility.await().until(() -> waiting(net).isEmpty());
            Awaitility.await().until(() -> !net.audited("token-handed-over").isEmpty());
            assertThat(net.audited("token-handed-over"))
                    .singleElement()
                    .satisfies(line -> assertThat(line).containsEntry("token", token.id()));

            Token again = renewed(net, jwt);
            TestNetwork.Raw third = raw(net, jwt, KEY);
            assertThat(TokenReader.read(offered(third)).id()).isEqualTo(again.id());
            assertThat(other.frames).as("another machine's").noneMatch(frame -> frame.type() == Frame.RENEWED);
        }
    }

    /** Its holder would be refused with it, and has a good one. */
    @Test
    void oneThatWasRevokedMeanwhileIsNotHandedOver() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            String old = bound(net, KEY);
            Token token = renewed(net, old);
            net.state.revocations().revokeId(token.id(), "");
            TestNetwork.Raw raw = raw(net, old, KEY);
            TestNetwork.Raw next = raw(net, old, KEY);
            Token later = renewed(net, old);
            assertThat(TokenReader.read(offered(next)).id()).isEqualTo(later.id());
            assertThat(TokenReader.read(offered(raw)).id()).isEqualTo(later.id());
        }
    }

    /** A gateway that lies, or one that does not know the new key yet: the old token is there. */
    @Test
    void aTokenThatIsRefusedGivesTheOneBeforeItsTurn() throws Exception {
        try (TestNetwork net = new TestNetwork(dir, true, 1)) {
            String good = bound(net, KEY);
            LinkConnector connector = connector(net, good, KEY);
            connector.show(good.substring(0, good.lastIndexOf('.') + 1)
                    + new StringBuilder(good.substring(good.lastIndexOf('.') + 1)).reverse());
            assertThat(org.assertj.core.api.Assertions.catchThrowableOfType(
                            ExecutionException.class, () -> connect(net, connector, new TestNetwork.Raw())))
                    .hasCauseInstanceOf(LinkRefusedException.class);
            for (int i = 0; i < 2; i++) {
                connect(net, connector, new TestNetwork.Raw()).channel().close();
            }
            String next = bound(net, KEY);
            connector.show(next);
            String id = TokenReader.read(next).id();
            connect(net, connector, new TestNetwork.Raw());
            Awaitility.await()
                    .until(() -> net.links().all().stream()
                            .anyMatch(link -> link.token().id().equals(id)));
        }
    }
}
