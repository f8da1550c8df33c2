/** The programs' log, by logback, with {@link dev.culvert.text.Printable} at the end of it. */
@org.jspecify.annotations.NullMarked
package dev.culvert.text.logback;
