/** What all programs share. */
@org.jspecify.annotations.NullMarked
package dev.culvert.command;
