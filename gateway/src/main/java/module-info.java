/** The public hub. */
module dev.culvert.gateway {
    requires dev.culvert.address;
    requires dev.culvert.command;
    requires dev.culvert.policy;
    requires dev.culvert.store;
    requires dev.culvert.text;
    requires dev.culvert.token;
    requires dev.culvert.tunnel;
    requires info.picocli;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.haproxy;
    requires io.netty.codec.http;
    requires io.netty.codec.http2;
    requires io.netty.common;
    requires io.netty.handler;
    requires io.netty.transport;
    requires io.netty.transport.unix.common;
    requires java.management;
    requires java.net.http;
    requires org.bouncycastle.pkix;
    requires org.bouncycastle.provider;
    requires org.dnsjava;
    requires static org.jspecify;
    requires org.shredzone.acme4j;
    requires org.slf4j;
    requires tools.jackson.databind;
}
