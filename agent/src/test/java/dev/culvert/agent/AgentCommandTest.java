package dev.culvert.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

final class AgentCommandTest {
    private static final String HASH = "$2b$04$" + "a".repeat(53);

    @Test
    void hashesAreNotForCommandLines() {
        String plain = "app.example=http://10.0.0.1:80,rate=5/s";
        assertThat(AgentCommand.parsed(List.of(plain))).hasSize(1);
        assertThatThrownBy(() -> AgentCommand.parsed(List.of(plain + ",basic-auth=ann:" + HASH)))
                .hasMessageContainingAll("app.example", "--publications FILE")
                .hasMessageNotContaining(HASH);
        assertThatThrownBy(() -> AgentCommand.parsed(List.of(plain + ",basic-auth=ann:" + HASH + "x")))
                .as("one that is wrong is not shown either")
                .hasMessageNotContaining(HASH);
    }
}
