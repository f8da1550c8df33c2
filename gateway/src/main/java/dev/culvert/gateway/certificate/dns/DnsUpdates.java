package dev.culvert.gateway.certificate.dns;

import dev.culvert.address.AddressText;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TXTRecord;
import org.xbill.DNS.Update;

/** Dynamic updates (RFC 2136) over TCP, signed (TSIG, RFC 8945). The key is read anew for each: it may be changed. */
final class DnsUpdates implements TextRecords {
    /** Nobody is to keep a proof for long; what a resolver has kept of the one before must be gone by the next. */
    private static final int TTL = 60;

    private static final Duration ANSWER = Duration.ofSeconds(15);

    /** TSIG's own answers (RFC 8945 section 5.2), which are told apart by what is to be done. */
    private static final int BADSIG = 16;

    private static final int BADKEY = 17;
    private static final int BADTIME = 18;

    private final InetSocketAddress server;
    private final Path keyFile;
    private final String keyName;
    private final String algorithm;

    DnsUpdates(InetSocketAddress server, DnsSettings.Updates settings) {
        this.server = server;
        this.keyFile = settings.keyFile();
        this.keyName = settings.key();
        this.algorithm = settings.algorithm();
    }

    @Override
    public void present(Name name, Name zone, String value) throws IOException {
        Update update = new Update(zone);
        update.add(new TXTRecord(name, DClass.IN, TTL, value));
        send(update, zone);
    }

    @Override
    public void cleanUp(Name name, Name zone, String value) throws IOException {
        Update update = new Update(zone);
        update.delete(new TXTRecord(name, DClass.IN, TTL, value));
        send(update, zone);
    }

    private void send(Update update, Name zone) throws IOException {
        TSIG key = TsigKeyFile.read(keyFile, keyName, algorithm);
        SimpleResolver resolver = new SimpleResolver(server);
        resolver.setTCP(true);
        resolver.setTimeout(ANSWER);
        resolver.setTSIGKey(key);
        Message answer;
        try {
            answer = resolver.send(update);
        } catch (IOException e) {
            throw new IOException(
                    AddressText.of(server) + " takes no updates of " + zone + " (" + DnsLookups.words(e) + ")", e);
        }
        int tsig = answer.getTSIG() == null ? Rcode.NOERROR : answer.getTSIG().getError();
        if (answer.getRcode() == Rcode.NOERROR && tsig == Rcode.NOERROR && answer.isVerified()) {
            return;
        }
        throw new IOException(
                AddressText.of(server) + " refuses updates of " + zone + ": " + cause(answer.getRcode(), tsig));
    }

    private String cause(int code, int tsig) {
        return switch (tsig) {
            case BADKEY -> "it does not know the key '" + keyName + "' with " + algorithm;
            case BADSIG -> "the key '" + keyName + "' in " + keyFile + " is another than it has";
            case BADTIME -> "its clock and ours differ by more than five minutes: set them";
            default ->
                switch (code) {
                    case Rcode.NOTAUTH ->
                        "it does not know the key '" + keyName + "', or is not the zone's primary server";
                    case Rcode.REFUSED -> "the key '" + keyName + "' may not change it: allow it TXT records there";
                    case Rcode.NOTIMP -> "it takes no dynamic updates at all";
                    case Rcode.NOERROR -> "its answer is not signed with the key '" + keyName + "'";
                    default -> Rcode.string(code);
                };
        };
    }
}
