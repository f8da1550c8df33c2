/** The policy language. */
module dev.culvert.policy {
    requires transitive dev.culvert.address;
    requires dev.culvert.text;
    requires transitive dev.culvert.token;
    requires static transitive org.jspecify;
    requires org.snakeyaml.engine;

    exports dev.culvert.policy;
    exports dev.culvert.policy.publication;
}
