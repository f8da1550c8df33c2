package dev.culvert.token;

/** Where a grant leads: a range of addresses, or host names that the agent resolves. */
public sealed interface Target permits IpPrefix, HostPattern {}
