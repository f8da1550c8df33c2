/** What the four programs share. */
module dev.culvert.command {
    requires dev.culvert.address;
    requires dev.culvert.text;
    requires transitive info.picocli;
    requires static transitive org.jspecify;

    exports dev.culvert.command;
}
