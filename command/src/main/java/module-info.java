/** What the four programs share. */
module dev.culvert.command {
    requires dev.culvert.address;
    requires dev.culvert.text;
    requires transitive info.picocli;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.http;
    requires io.netty.common;
    requires io.netty.transport;
    requires io.netty.transport.classes.epoll;
    requires io.netty.transport.unix.common;
    requires io.prometheus.metrics.config;
    requires io.prometheus.metrics.model;
    requires io.prometheus.writer.text;
    requires java.management;
    requires static transitive org.jspecify;
    requires transitive tools.jackson.databind;

    exports dev.culvert.command;
    exports dev.culvert.command.control;
    exports dev.culvert.command.doctor;
    exports dev.culvert.command.metrics;
    exports dev.culvert.command.service;
}
