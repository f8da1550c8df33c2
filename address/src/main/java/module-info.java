/** Addresses as values, and as people write them. */
module dev.culvert.address {
    requires dev.culvert.text;
    requires static transitive org.jspecify;

    exports dev.culvert.address;
    exports dev.culvert.address.proxy;
}
