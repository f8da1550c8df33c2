package dev.culvert.token.issue;

import dev.culvert.token.Token;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads whose token is meant, a client's or an agent's. */
final class HolderKind implements ITypeConverter<Token.Kind> {
    @Override
    public Token.Kind convert(String text) {
        try {
            return Token.Kind.of(text);
        } catch (IllegalArgumentException e) {
            throw new TypeConversionException(e.getMessage());
        }
    }
}
