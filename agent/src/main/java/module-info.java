/** Answers flows by dialling their destinations. */
module dev.culvert.agent {
    requires dev.culvert.address;
    requires dev.culvert.command;
    requires dev.culvert.policy;
    requires dev.culvert.text;
    requires dev.culvert.token;
    requires dev.culvert.tun;
    requires dev.culvert.tunnel;
    requires info.picocli;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.common;
    requires io.netty.transport;
    requires io.netty.transport.classes.epoll;
    requires io.netty.transport.unix.common;
    requires static org.jspecify;
    requires org.slf4j;
}
