package dev.culvert.client.uplink;

/** Tells the user what happens while the client runs, a line at a time. Any thread. */
public interface Voice {
    void say(String line);
}
