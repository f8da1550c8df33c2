/** {@link dev.culvert.text.Printable} at the end of every log; named in the programs' logback.xml. */
@org.jspecify.annotations.NullMarked
package dev.culvert.text.logback;
