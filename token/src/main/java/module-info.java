/** Tokens, their keys, what is kept of them, and the program that makes them. */
module dev.culvert.token {
    requires transitive dev.culvert.address;
    requires transitive dev.culvert.command;
    requires transitive dev.culvert.store;
    requires dev.culvert.text;
    requires info.picocli;
    requires io.nayuki.qrcodegen;
    requires org.bouncycastle.pkix;
    requires org.bouncycastle.provider;
    requires org.jose4j;
    requires static transitive org.jspecify;
    requires org.slf4j;

    exports dev.culvert.token;
    exports dev.culvert.token.holder;
    exports dev.culvert.token.sign;
    exports dev.culvert.token.state;
    exports dev.culvert.token.store;
}
