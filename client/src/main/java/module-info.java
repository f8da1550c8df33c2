/** Brings a machine into the networks. */
module dev.culvert.client {
    requires dev.culvert.address;
    requires dev.culvert.command;
    requires dev.culvert.stack;
    requires dev.culvert.text;
    requires dev.culvert.token;
    requires dev.culvert.tun;
    requires dev.culvert.tunnel;
    requires info.picocli;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.http;
    requires io.netty.common;
    requires io.netty.transport;
    requires static org.jspecify;
}
