/** What processes and gateways have in common. */
module dev.culvert.store {
    requires dev.culvert.text;
    requires static transitive org.jspecify;
    requires org.slf4j;

    exports dev.culvert.store;
    exports dev.culvert.store.cluster;

    uses dev.culvert.store.cluster.EngineKind;
}
