package dev.culvert.store.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.Test;

/** Addresses of stores: what they name, and that no password is among it. */
@NullUnmarked
final class StoreAddressTest {
    @Test
    void eachFormNamesAPlace() {
        StoreAddress plain = StoreAddress.parse("redis://db.example");
        assertThat(plain.hosts()).containsExactly(new StoreAddress.HostPort("db.example", 6379));
        assertThat(plain.toString()).isEqualTo("redis://db.example:6379/0");
        assertThat(plain.isTls()).isFalse();
        StoreAddress full = StoreAddress.parse("rediss://ops@[fd00::1]:7000/3");
        assertThat(full.user()).isEqualTo("ops");
        assertThat(full.hosts()).containsExactly(new StoreAddress.HostPort("fd00::1", 7000));
        assertThat(full.database()).isEqualTo(3);
        assertThat(full.isTls()).isTrue();
        assertThat(full.toString()).isEqualTo("rediss://ops@[fd00::1]:7000/3");
        StoreAddress sentinels = StoreAddress.parse("redis-sentinel://10.0.0.1,10.0.0.2:7001,h3/main");
        assertThat(sentinels.isBehindSentinels()).isTrue();
        assertThat(sentinels.path()).isEqualTo("main");
        assertThat(sentinels.hosts())
                .extracting(StoreAddress.HostPort::toString)
                .containsExactly("10.0.0.1:26379", "10.0.0.2:7001", "h3:26379");
        StoreAddress socket = StoreAddress.parse("redis-socket:///run/redis/s");
        assertThat(socket.isSocket()).isTrue();
        assertThat(socket.path()).isEqualTo("/run/redis/s");
        for (String file : List.of("file:/var/lib/culvert", "file:///var/lib/culvert")) {
            assertThat(StoreAddress.parse(file).isDirectory()).isTrue();
            assertThat(StoreAddress.parse(file).path()).isEqualTo("/var/lib/culvert");
        }
    }

    @Test
    void whatIsWrittenIsReadAgain() {
        for (String text : List.of(
                "redis://h:1/2", "rediss://u@h:1/2", "redis-sentinel://a:1,b:2/m", "redis-socket:///a/b", "file:/a")) {
            assertThat(StoreAddress.parse(text).toString()).isEqualTo(text);
            assertThat(StoreAddress.parse(StoreAddress.parse(text).toString())).isEqualTo(StoreAddress.parse(text));
        }
    }

    @Test
    void aPasswordInItIsRefusedAndNotRepeated() {
        for (String text : List.of(
                "redis://:s3cret@h/0",
                "redis://u:s3cret@h/0",
                "redis-sentinel://u:s3cret@h/m",
                "redis://u:s3 cret@h",
                "redis-socket://u:s3cret@/run/s")) {
            assertThatThrownBy(() -> StoreAddress.parse(text))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageNotContaining("s3")
                    .hasMessageNotContaining("\n")
                    .hasNoCause();
        }
        assertThatThrownBy(() -> StoreAddress.parse("redis://u:s3cret@h/0"))
                .hasMessageContaining("--store-password-file")
                .hasMessageContaining("CULVERT_STORE_PASSWORD");
        assertThat(StoreAddress.parse("redis://h")
                        .with("s3cret".toCharArray(), "s3cret".toCharArray(), null)
                        .toString())
                .doesNotContain("s3cret");
    }

    @Test
    void whatNamesNoPlaceIsRefused() {
        for (String text : List.of(
                "",
                "h",
                "redis:",
                "redis://",
                "redis:///0",
                "redis://h:0",
                "redis://h:65536",
                "redis://h:123456",
                "redis://h/x",
                "redis://h/12345",
                "redis://a,b/0",
                "redis://h/0?x=1",
                "redis://h/0#x",
                "redis://u ser@h",
                "redis-sentinel://h",
                "redis-sentinel://h/",
                "redis-sentinel://" + "h,".repeat(20) + "h/m",
                "redis-socket:///",
                "redis-socket://h/x",
                "file:",
                "file:x",
                "file://h/x",
                "etcd://h/0")) {
            assertThatThrownBy(() -> StoreAddress.parse(text))
                    .as(text)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("redis://HOST:PORT/DB");
        }
    }
}
