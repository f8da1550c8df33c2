/**
 * The {@code client} program: {@link dev.culvert.client.ClientCommand} and its commands, of which {@code up} and {@code down} are
 * in {@link dev.culvert.client.up}, {@code connect} and {@code forward} in {@link dev.culvert.client.forward}, {@code proxy} in
 * {@link dev.culvert.client.proxy}; {@code list} ({@code ReachableCommand}) is here.
 */
@NullMarked
package dev.culvert.client;

import org.jspecify.annotations.NullMarked;
