package dev.culvert.tunnel.connect;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class ShownTokensTest {
    private final ShownTokens tokens = new ShownTokens("given");

    private void refuses(String expected) {
        assertThat(tokens.next()).isEqualTo(expected);
        tokens.refused(expected);
    }

    private void takes(String expected) {
        assertThat(tokens.next()).isEqualTo(expected);
        tokens.taken(expected);
    }

    @Test
    void aRenewedOneTakesTheOldOnesPlaceOnceItIsTaken() {
        takes("given");
        tokens.replace("renewed");
        assertThat(tokens.proven()).isEqualTo("given");
        takes("renewed");
        assertThat(tokens.proven()).isEqualTo("renewed");
        refuses("renewed");
        assertThat(tokens.hasAnother()).isFalse();
        assertThat(tokens.next()).isEqualTo("renewed");
    }

    @Test
    void bothHaveTheirTurnsUntilOneIsTaken() {
        tokens.replace("renewed");
        refuses("renewed");
        assertThat(tokens.hasAnother()).isTrue();
        refuses("given");
        assertThat(tokens.hasAnother()).isFalse();
        refuses("renewed");
        refuses("given");
        takes("renewed");
        takes("renewed");
    }

    /** A gateway whose keys are behind, or a proxy before it: the old one is still good, and ends one day. */
    @Test
    void oneThatWasRefusedForAWhileIsThereWhenTheOldOneEnds() {
        tokens.replace("renewed");
        refuses("renewed");
        takes("given");
        takes("given");
        refuses("given");
        assertThat(tokens.hasAnother()).isTrue();
        takes("renewed");
    }

    @Test
    void forgeriesDoNotPushOutWhatWasTaken() {
        takes("given");
        tokens.replace("forged");
        tokens.replace("forged as well");
        refuses("forged as well");
        takes("given");
        tokens.replace("good");
        takes("good");
        assertThat(tokens.proven()).isEqualTo("good");
    }

    /** A link's answer may come when another token is shown already. */
    @Test
    void aLateAnswerIsOfTheOneThatWasShown() {
        tokens.replace("renewed");
        tokens.replace("renewed again");
        tokens.refused("renewed");
        tokens.taken("given");
        assertThat(tokens.proven()).isEqualTo("given");
    }
}
