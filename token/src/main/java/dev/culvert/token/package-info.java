/** token. */
@org.jspecify.annotations.NullMarked
package dev.culvert.token;
