package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.HexFormat;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * 128 bits that name a client's session: the secret that it says on its links, the secret's {@linkplain #digest digest}, or what an
 * agent is told instead. Whoever knows the secret could take the session's flows if its token let it, so it has no text.
 */
public record SessionId(long high, long low) implements Comparable<SessionId> {
    /** In bytes. */
    public static final int LENGTH = 16;

    private static final int SHOWN_BITS = 40;

    private static final String HMAC = "HmacSHA256";

    /** A new secret. */
    public static SessionId random() {
        SecureRandom random = new SecureRandom();
        return new SessionId(random.nextLong(), random.nextLong());
    }

    public static SessionId read(ByteBuf in) {
        return new SessionId(in.readLong(), in.readLong());
    }

    public void write(ByteBuf out) {
        out.writeLong(high).writeLong(low);
    }

    /** Of a secret: by which one can say that the session has ended, and not go on with it. */
    public SessionId digest() {
        try {
            return of(MessageDigest.getInstance("SHA-256").digest(bytes()));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Of what an agent is told: enough of it to be told from others in a log, and too little to be used. */
    String shown() {
        return HexFormat.of().toHexDigits(high >>> Long.SIZE - SHOWN_BITS, SHOWN_BITS / 4);
    }

    private static SessionId of(byte[] bytes) {
        ByteBuffer b = ByteBuffer.wrap(bytes);
        return new SessionId(b.getLong(), b.getLong());
    }

    private byte[] bytes() {
        return ByteBuffer.allocate(LENGTH).putLong(high).putLong(low).array();
    }

    /**
     * Of a digest: the session as an agent knows it, by which it can neither tell the secret nor what other agents know it by.
     *
     * @param holder whose session it is, as the gateway has authenticated it: another holder's is another session, whatever it says
     * @param agent the agent's name
     */
    public SessionId under(String holder, String agent) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(bytes(), HMAC));
            mac.update(holder.getBytes(StandardCharsets.UTF_8));
            mac.update((byte) 0);
            return of(mac.doFinal(agent.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException | InvalidKeyException e) {
            throw new IllegalStateException("every JDK has " + HMAC, e);
        }
    }

    @Override
    public int compareTo(SessionId other) {
        int byHigh = Long.compare(high, other.high);
        return byHigh != 0 ? byHigh : Long.compare(low, other.low);
    }

    @Override
    public String toString() {
        return "session";
    }
}
