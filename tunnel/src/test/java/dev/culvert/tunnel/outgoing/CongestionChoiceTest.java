package dev.culvert.tunnel.outgoing;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelException;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CongestionChoiceTest {
    private final CongestionChoice choice = new CongestionChoice();
    private final Connection connection = new Connection();

    private static final class Connection implements CongestionChoice.Kernel {
        long leastNanos = 80_000_000;
        String control = "cubic";
        boolean allowed = true;
        int looks;
        final List<String> asked = new ArrayList<>();

        @Override
        public long leastRoundTripNanos() {
            looks++;
            return leastNanos;
        }

        @Override
        public String control() {
            return control;
        }

        @Override
        public void control(String name) {
            asked.add(name);
            if (!allowed) {
                throw new ChannelException("Operation not permitted");
            }
            control = name;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"cubic", "reno"})
    void aFarLineGetsTheOneThatLossDoesNotSlow(String usual) {
        connection.control = usual;
        choice.look(connection);
        assertThat(connection.control).isEqualTo("bbr");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bbr", "bbr3", "dctcp", "vegas", ""})
    void whatTheAdministratorChoseStays(String chosen) {
        connection.control = chosen;
        choice.look(connection);
        assertThat(connection.asked).isEmpty();
    }

    @Test
    void aNearLineKeepsTheUsualOneHoweverLongTheProgramsTake() {
        connection.leastNanos = 400_000;
        choice.look(connection);
        assertThat(connection.asked).isEmpty();
        connection.leastNanos = 5_000_000;
        choice.look(connection);
        assertThat(connection.control).as("another way through the network").isEqualTo("bbr");
    }

    @Test
    void nothingIsChosenBeforeTheKernelHasMeasured() {
        connection.leastNanos = -1;
        choice.look(connection);
        assertThat(connection.asked).isEmpty();
        connection.leastNanos = 80_000_000;
        choice.look(connection);
        assertThat(connection.control).isEqualTo("bbr");
    }

    @Test
    void whereItMayNotBeChosenTheUsualOneStays() {
        connection.allowed = false;
        choice.look(connection);
        assertThat(connection.control).isEqualTo("cubic");
    }

    @Test
    void whatIsNoSocketOfTheKernelsIsLeftAlone() {
        choice.roundTrip(new EmbeddedChannel(), 80_000_000);
    }
}
