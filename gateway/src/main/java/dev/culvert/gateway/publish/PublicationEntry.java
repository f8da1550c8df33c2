package dev.culvert.gateway.publish;

/**
 * A publication as lists show it, in force or not.
 *
 * @param why it is not in force; empty when it is
 */
public record PublicationEntry(Published published, State state, String why) {
    /** What has become of it. */
    public enum State {
        /** It is in force. */
        SERVED("served"),
        /** It is in force, and its agent is not connected. */
        AWAY("agent away"),
        /** It is not in force. */
        REFUSED("refused");

        private final String text;

        State(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Whether it is in force. */
    public boolean isInForce() {
        return state != State.REFUSED;
    }
}
