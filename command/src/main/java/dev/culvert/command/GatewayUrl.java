package dev.culvert.command;

import dev.culvert.text.Printable;
import java.net.URI;
import java.net.URISyntaxException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a gateway's URL as far as it is one at all, and says in words when it is not. */
public final class GatewayUrl implements ITypeConverter<URI> {
    @Override
    public URI convert(String text) {
        try {
            return new URI(text.strip());
        } catch (URISyntaxException e) {
            throw new TypeConversionException("'" + Printable.shorten(text)
                    + "' is not a URL: write wss://host:port, with an IPv6 address in brackets");
        }
    }
}
