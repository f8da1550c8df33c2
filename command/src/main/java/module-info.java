/** What the four programs share. */
module dev.culvert.command {
    requires dev.culvert.address;
    requires dev.culvert.text;
    requires transitive info.picocli;
    requires io.netty.transport.classes.epoll;
    requires io.netty.transport.unix.common;
    requires static transitive org.jspecify;
    requires transitive tools.jackson.databind;

    exports dev.culvert.command;
    exports dev.culvert.command.control;
    exports dev.culvert.command.doctor;
    exports dev.culvert.command.service;
}
