/** What people read of all programs. */
module dev.culvert.text {
    requires static ch.qos.logback.classic;
    requires static ch.qos.logback.core;
    requires static transitive org.jspecify;
    requires static org.slf4j;

    exports dev.culvert.text;

    provides ch.qos.logback.classic.spi.Configurator with
            dev.culvert.text.logback.LogSetup;
}
