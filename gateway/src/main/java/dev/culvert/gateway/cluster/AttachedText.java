package dev.culvert.gateway.cluster;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a lease says: {@link Attached} as JSON, compressed. Ten thousand agents are some 300 KiB; a later version may add members.
 */
final class AttachedText {
    /** What it may become when it is unpacked: a hundred thousand agents; bounds what a wrong one costs. */
    static final int MAX_JSON = 16 << 20;

    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .build();

    private AttachedText() {}

    static String of(Attached attached) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(packed)) {
            out.write(JSON.writeValueAsBytes(attached));
        } catch (IOException e) {
            throw new IllegalStateException("memory takes everything", e);
        }
        return Base64.getEncoder().encodeToString(packed.toByteArray());
    }

    /** @throws IllegalArgumentException if it is none */
    static Attached read(String text) {
        byte[] packed = Base64.getDecoder().decode(text.getBytes(StandardCharsets.US_ASCII));
        try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            byte[] json = in.readNBytes(MAX_JSON + 1);
            if (json.length > MAX_JSON) {
                throw new IllegalArgumentException("it has more than " + MAX_JSON + " bytes");
            }
            Attached attached = JSON.readValue(json, Attached.class);
            return attached == null ? Attached.NONE : attached;
        } catch (IOException | JacksonException e) {
            throw new IllegalArgumentException("it is no list of what is attached", e);
        }
    }
}
