package dev.culvert.gateway;

import java.io.IOException;
import java.net.BindException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** Ports for programs of others, which are told theirs before they have it. */
public final class FreePort {
    private static final int FIRST = 20_000;
    private static final int LAST = 32_000;
    private static final int ATTEMPTS = 100;

    /** No port twice, and each process begins elsewhere. */
    private static final AtomicInteger turn =
            new AtomicInteger(ThreadLocalRandom.current().nextInt(LAST - FIRST));

    private FreePort() {}

    /**
     * One that is free on loopback, for datagrams and TCP. Below those that the kernel gives to connections: one of these could
     * have it before the program does, and a name server, say, would run on without TCP.
     */
    @SuppressWarnings("try") // it is enough that they can be opened
    public static int next() throws IOException {
        InetAddress here = InetAddress.getLoopbackAddress();
        for (int attempts = 0; ; attempts++) {
            int port = FIRST + Math.floorMod(turn.getAndIncrement(), LAST - FIRST);
            try (DatagramSocket datagrams = new DatagramSocket(port, here);
                    ServerSocket connections = new ServerSocket(datagrams.getLocalPort(), 1, here)) {
                return connections.getLocalPort();
            } catch (BindException e) {
                if (attempts == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }
}
