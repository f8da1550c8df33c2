/** What the four programs share. */
module dev.culvert.command {
    requires dev.culvert.address;
    requires dev.culvert.text;
    requires transitive info.picocli;
    requires static transitive org.jspecify;
    requires transitive tools.jackson.databind;

    exports dev.culvert.command;
    exports dev.culvert.command.control;
    exports dev.culvert.command.doctor;
}
