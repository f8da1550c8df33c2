/**
 * What all programs share of what people read. {@link dev.culvert.text.Printable} is the one rule for text that others
 * chose, at every place where it comes out; {@link dev.culvert.text.logback.PrintableMessage} and
 * {@link dev.culvert.text.logback.PrintableThrowable} put it at the end of every log.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.text;
