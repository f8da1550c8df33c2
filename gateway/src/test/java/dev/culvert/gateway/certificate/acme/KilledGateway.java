package dev.culvert.gateway.certificate.acme;

import dev.culvert.gateway.certificate.acme.AcmeSettings.Server;
import dev.culvert.store.FileStore;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** A process that obtains a certificate, and is gone at some step as if it had been killed: nothing of it is cleaned up. */
final class KilledGateway {
    private KilledGateway() {}

    /** @param args the state directory, the authority's URL, what it is trusted by, the name, and at which wait it is killed */
    public static void main(String[] args) throws Exception {
        int[] waits = {Integer.parseInt(args[4])};
        try (AcmeCertificates certificates = new AcmeCertificates(
                new FileStore(Path.of(args[0])),
                AcmeSettings.of(List.of(new Server(URI.create(args[1]), null, null, null)), true)
                        .trusted(Path.of(args[2])),
                Precheck.NONE,
                () -> Set.of(args[3]),
                Clock.systemUTC(),
                time -> {
                    if (waits[0]-- == 0) {
                        Runtime.getRuntime().halt(137);
                    }
                    TimeUnit.MILLISECONDS.sleep(20);
                })) {
            certificates.tick();
        }
    }
}
