package dev.culvert.gateway.doctor;

import dev.culvert.command.doctor.Check;
import dev.culvert.command.doctor.MachineChecks;
import dev.culvert.token.state.StateDirectory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;

/** All checks of a gateway, in the order in which they are told. */
public final class GatewayChecks {
    /** For thousands of links and visitors; the unit gives it sixteen times as many. */
    private static final int FILES = 4_096;

    /** What the launcher's heap takes when it is used. */
    private static final int MEBIBYTES = 400;

    private GatewayChecks() {}

    /** Opens the state directory, each time anew. */
    public interface State {
        StateDirectory open() throws IOException;
    }

    /**
     * The checks.
     *
     * @param state its directory
     * @param sockets where it may answer when it runs
     * @param listen where it would listen
     */
    public static List<Check> of(State state, List<Path> sockets, InetSocketAddress listen) {
        RunningCheck running = new RunningCheck(sockets);
        return MachineChecks.and(
                FILES,
                MEBIBYTES,
                new StateCheck(state),
                new AuthorityCheck(state, Clock.systemUTC()),
                running,
                new ListenCheck(listen, running),
                new UrlsCheck(state));
    }
}
