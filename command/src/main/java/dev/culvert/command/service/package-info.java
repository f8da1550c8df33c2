/** A program as a service of systemd: what it tells its supervisor, and how it becomes one. */
@NullMarked
package dev.culvert.command.service;

import org.jspecify.annotations.NullMarked;
