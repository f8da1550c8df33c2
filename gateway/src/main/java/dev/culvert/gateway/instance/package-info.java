/**
 * Which instance of an agent serves what is published: {@link dev.culvert.gateway.instance.Instances} chooses one for each connection
 * or request, by what {@link dev.culvert.gateway.instance.HealthChecks} have seen of its target and by how connecting to it went.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.instance;
