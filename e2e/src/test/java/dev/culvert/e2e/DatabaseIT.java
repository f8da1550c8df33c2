package dev.culvert.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** PostgreSQL in the office, reached under an address of a map, and at a port that is forwarded: 50 MB in and out by psql. */
@Tag("netns")
final class DatabaseIT {
    private static final Duration PATIENCE = Duration.ofSeconds(180);
    private static final String PROGRAMS = "/usr/lib/postgresql/15/bin/";

    /** Of 100 bytes with the end of the line. */
    private static final int ROWS = 500_000;

    @RegisterExtension
    static final Lab lab = new Lab();

    private static Furnished laptop;
    private static Path rows;

    @BeforeAll
    static void start() throws Exception {
        String[] packages = {
            "postgresql-15", "postgresql-client-15", "libpq5", "libicu72", "libxml2", "libldap-2.5-0", "libsasl2-2"
        };
        laptop = new Furnished(lab, lab.client, packages);
        Furnished server = new Furnished(lab, lab.officeHost, packages);
        server.shell("getent passwd postgres >/dev/null || echo postgres:x:991:991::/var/lib/postgresql:/bin/sh"
                + " >>/etc/passwd; getent group postgres >/dev/null || echo postgres:x:991: >>/etc/group; mkdir -p"
                + " /run/db; chown postgres:postgres /run/db");
        String as = "setpriv --reuid=postgres --regid=postgres --clear-groups " + PROGRAMS;
        server.shell("cd /run/db && LC_ALL=C " + as + "initdb --auth=trust --no-sync -D /run/db/data");
        server.shell("echo 'host all all all trust' >>/run/db/data/pg_hba.conf");
        server.start(
                        "postgres",
                        Map.of("LC_ALL", "C"),
                        "sh",
                        "-c",
                        "cd /run/db && exec " + as + "postgres -D data -c listen_addresses=192.168.77.2"
                                + " -c unix_socket_directories= -c fsync=off -c jit=off")
                .awaitOutput("ready to accept connections", Lab.START);
        rows = lab.directory().resolve("rows");
        lab.shell(
                lab.client,
                PATIENCE,
                "python3 -c 'import random; r = random.Random(7); [print(\"%08d\\t%s\" % (i, r.randbytes(45).hex()))"
                        + " for i in range("
                        + ROWS + ")]' >" + rows);
        assertThat(Files.size(rows)).isEqualTo(100L * ROWS);
        lab.startGateway();
        lab.startOffice();
    }

    /** Copies the rows into a table of this name and out again. */
    private static void copies(String at, String table) throws Exception {
        Path out = lab.directory().resolve(table);
        String psql = PROGRAMS + "psql -q -X -v ON_ERROR_STOP=1 'host=" + at
                + " user=postgres dbname=postgres sslmode=disable' -c ";
        laptop.shell(psql + "'create table " + table + " (n int primary key, t text)'");
        laptop.shell(PATIENCE, psql + "'\\copy " + table + " from " + rows + "'");
        assertThat(laptop.shell(psql + "'select count(*), sum(length(t)) from " + table + "' -A -t")
                        .strip())
                .isEqualTo(ROWS + "|" + 90L * ROWS);
        laptop.shell(
                PATIENCE,
                psql + "'\\copy (select lpad(n::text, 8, chr(48)), t from " + table + " order by n) to " + out + "'");
        assertThat(Files.mismatch(rows, out)).isEqualTo(-1);
        Files.delete(out);
    }

    @Test
    void throughAMappedNetwork() throws Exception {
        Path token = lab.clientToken("laptop", "office:192.168.77.0/24");
        Program client = lab.startClient(token, "--route", "10.77.0.0/24=office:192.168.77.0/24");
        copies("10.77.0.2", "mapped");
        assertThat(client.terminate()).isEqualTo(143);
    }

    @Test
    void throughAForwardedPort() throws Exception {
        Path token = lab.clientToken("forwarder", "office:192.168.77.2:5432/tcp");
        Program forward = lab.start(
                lab.client,
                "forward",
                lab.script("client"),
                "forward",
                "--token-file",
                token.toString(),
                "--state",
                lab.directory().resolve("forwarder").toString(),
                "5432=office:192.168.77.2:5432");
        await("a port")
                .atMost(Lab.START)
                .until(() -> lab.shell(lab.client, Lab.COMMAND, "ss -tln").contains("127.0.0.1:5432 "));
        forward.awaitOutput("connected", Lab.START);
        copies("127.0.0.1", "forwarded");
        forward.terminate();
    }
}
