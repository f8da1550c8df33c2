/**
 * The program {@code gateway}: {@link dev.culvert.gateway.command.GatewayCommand} runs one, {@link
 * dev.culvert.gateway.command.PolicyCommand} is about policy files and needs none.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.command;
