package dev.culvert.gateway.publish;

/** What is published, as it is when it has just come into force. */
public final class TestUsages {
    private TestUsages() {}

    public static PublicationUsage of(Published published) {
        return new PublicationUsage(published, null, System::nanoTime);
    }
}
