/**
 * What all programs share of what people read. {@link dev.culvert.text.Printable} is the one rule for text that others
 * chose, at every place where it comes out, at the end of every log too ({@link dev.culvert.text.logback.LogLines}).
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.text;
