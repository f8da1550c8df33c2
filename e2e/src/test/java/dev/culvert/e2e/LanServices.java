package dev.culvert.e2e;

import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;

/** What runs on the office's LAN host: web, ssh, DNS, iperf3, the odd servers of probe.py, and a packet filter. */
final class LanServices {
    static final int HTTP = 8080;
    static final int SSH = 2222;
    static final int IPERF = 5201;
    /** Says its banner first. */
    static final int BANNER = 7001;
    /** Closes its side first, then reads. */
    static final int EARLY_FIN = 7002;

    static final int ECHO = 7003;
    /** Begins to read after ten seconds. */
    static final int STALLED = 7004;

    static final int UDP_ECHO = 7005;
    /** Reads to end of file, then answers with the checksum. */
    static final int CHECKSUM = 7006;
    /** Sends without end. */
    static final int ENDLESS = 7007;
    /** Reads a byte a second. */
    static final int SIPPING = 7008;
    /** Nothing listens. */
    static final int CLOSED = 7098;
    /** The packet filter drops it. */
    static final int FILTERED = 7099;

    static final int BIG = 200 << 20;

    private final Lab lab;
    private final Path www;
    private final Path keys;

    private LanServices(Lab lab) {
        this.lab = lab;
        this.www = lab.directory().resolve("www");
        this.keys = lab.directory().resolve("ssh");
    }

    static LanServices start(Lab lab) throws Exception {
        LanServices s = new LanServices(lab);
        s.filter();
        s.web();
        s.ssh();
        s.dns();
        lab.start(lab.officeHost, "iperf3", "iperf3", "-s", "-p", Integer.toString(IPERF));
        lab.start(
                lab.officeHost,
                "socat",
                "socat",
                "-t",
                "3", // it waits this long after the client's FIN whatever the program does
                "TCP6-LISTEN:" + CHECKSUM + ",fork,reuseaddr,ipv6only=0",
                "EXEC:sha256sum,pipes");
        lab.startProbe(lab.officeHost, "serve", lab.directory().toString()).awaitOutput("READY", Lab.START);
        for (int port : new int[] {HTTP, SSH, 53, IPERF, CHECKSUM, ECHO}) {
            await("port " + port)
                    .atMost(Lab.START)
                    .until(() ->
                            lab.run(lab.officeHost, Lab.COMMAND, "bash", "-c", "ss -tln | grep -q ':" + port + " '")
                                            .exit()
                                    == 0);
        }
        return s;
    }

    private void filter() throws Exception {
        lab.shell(
                lab.officeHost,
                Lab.COMMAND,
                "nft add table inet filter && nft 'add chain inet filter input { type filter hook input priority 0; }'"
                        + " && nft add rule inet filter input tcp dport " + FILTERED + " drop");
    }

    private void web() throws Exception {
        Files.createDirectories(www);
        Files.writeString(www.resolve("small"), "a short answer\n");
        Lab.must("bash", "-c", "head -c " + BIG + " /dev/urandom >" + www.resolve("big"));
        Path conf = lab.directory().resolve("nginx.conf");
        Files.writeString(conf, """
                user root; worker_processes 1; daemon off; pid nginx.pid; error_log nginx.err;
                events { worker_connections 4096; }
                http {
                  types { text/html html; text/css css; text/javascript js; image/svg+xml svg; }
                  access_log off; client_max_body_size 0; sendfile on; tcp_nodelay on;
                  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                  server { listen 8080 backlog=4096; listen [::]:8080 ipv6only=on; root www;
                    location / { dav_methods PUT; } }
                }
                """);
        lab.startNginx(conf);
    }

    private void ssh() throws Exception {
        Files.createDirectories(keys);
        Files.createDirectories(Path.of("/run/sshd")); // sshd's privilege separation wants it
        for (String key : new String[] {"host", "user"}) {
            Lab.must(
                    "ssh-keygen",
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-f",
                    keys.resolve(key).toString());
        }
        lab.start(
                lab.officeHost,
                "sshd",
                "/usr/sbin/sshd",
                "-D",
                "-e",
                "-f",
                "/dev/null",
                "-p",
                Integer.toString(SSH),
                "-h",
                keys.resolve("host").toString(),
                "-o",
                "AuthorizedKeysFile=" + keys.resolve("user.pub"),
                "-o",
                "StrictModes=no",
                "-o",
                "UsePAM=no",
                "-o",
                "PermitRootLogin=yes",
                "-o",
                "PidFile=none");
    }

    private void dns() throws Exception {
        lab.start(
                lab.officeHost,
                "dnsmasq",
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--user=root",
                "--group=root",
                "--pid-file=",
                "--log-facility=-",
                "--address=/printer.office.example/192.168.77.99");
    }

    Path bigFile() {
        return www.resolve("big");
    }

    Path uploaded(String name) {
        return www.resolve(name);
    }

    /** Options of an ssh command that logs in as root with the lab's key and asks nothing. */
    String[] sshCommand(String... command) {
        String[] head = {
            "ssh",
            "-p",
            Integer.toString(SSH),
            "-i",
            keys.resolve("user").toString(),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "root@" + Lab.OFFICE_HOST
        };
        String[] line = new String[head.length + command.length];
        System.arraycopy(head, 0, line, 0, head.length);
        System.arraycopy(command, 0, line, head.length, command.length);
        return line;
    }
}
