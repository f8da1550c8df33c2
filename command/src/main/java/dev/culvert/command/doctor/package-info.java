/**
 * {@code doctor}: looks at all that a program needs, one {@link dev.culvert.command.doctor.Check} after the other, and says of each in a
 * line how it is and what mends it. What is here looks at the machine; what a program needs beside is its own.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.command.doctor;
