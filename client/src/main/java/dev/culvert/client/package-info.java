/** client. */
@org.jspecify.annotations.NullMarked
package dev.culvert.client;
