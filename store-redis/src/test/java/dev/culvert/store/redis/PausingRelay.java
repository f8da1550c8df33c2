package dev.culvert.store.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.NullUnmarked;

/** Carries TCP connections to a port of this machine, unless it is paused: then it takes what it is given and says nothing, as a network that is cut. */
@NullUnmarked
final class PausingRelay implements AutoCloseable {
    private final ServerSocket listening = new ServerSocket(0, 16, InetAddress.getLoopbackAddress());
    private final int target;
    private final List<Socket> open = new CopyOnWriteArrayList<>();
    private volatile boolean paused;

    PausingRelay(int target) throws IOException {
        this.target = target;
        run(this::accept);
    }

    int port() {
        return listening.getLocalPort();
    }

    void pause() {
        paused = true;
    }

    /** What waited is lost: those connections end. */
    void resume() throws IOException {
        paused = false;
        for (Socket socket : open) {
            socket.close();
        }
        open.clear();
    }

    private interface Work {
        void run() throws IOException;
    }

    private static void run(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (IOException e) {
                // closed
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() throws IOException {
        while (true) {
            Socket from = listening.accept();
            Socket to = new Socket(InetAddress.getLoopbackAddress(), target);
            open.addAll(List.of(from, to));
            run(() -> carry(from, to));
            run(() -> carry(to, from));
        }
    }

    private void carry(Socket from, Socket to) throws IOException {
        byte[] bytes = new byte[8_192];
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        for (int n; (n = in.read(bytes)) >= 0; ) {
            if (!paused) {
                out.write(bytes, 0, n);
            }
        }
        to.close();
    }

    @Override
    public void close() throws IOException {
        listening.close();
        resume();
    }
}
