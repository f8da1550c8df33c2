package dev.culvert.tunnel.frame;

import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * 128 bits that name a client's session: the secret that it says on its links, or what an agent is told instead. Whoever knows the
 * secret could take the session's flows if its token let it, so it has no text.
 */
public record SessionId(long high, long low) implements Comparable<SessionId> {
    /** In bytes. */
    public static final int LENGTH = 16;

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

    /**
     * The session as an agent knows it: by which it can neither tell the secret nor what other agents know it by.
     *
     * @param holder whose session it is, as the gateway has authenticated it: another holder's is another session, whatever it says
     * @param agent the agent's name
     */
    public SessionId under(String holder, String agent) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            byte[] key = ByteBuffer.allocate(LENGTH).putLong(high).putLong(low).array();
            mac.init(new SecretKeySpec(key, HMAC));
            mac.update(holder.getBytes(StandardCharsets.UTF_8));
            mac.update((byte) 0);
            ByteBuffer code = ByteBuffer.wrap(mac.doFinal(agent.getBytes(StandardCharsets.UTF_8)));
            return new SessionId(code.getLong(), code.getLong());
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
