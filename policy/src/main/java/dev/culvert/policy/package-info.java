/**
 * The gateway's policy: one YAML file that says which clients may reach what through which agents, beside what their tokens
 * grant. Both must allow a flow.
 *
 * <p>{@link dev.culvert.policy.PolicyParser} reads the file into a {@link dev.culvert.policy.Policy}, or throws
 * a {@link dev.culvert.policy.PolicyException} that names line, cause and cure of everything that is wrong with it.
 * {@link dev.culvert.policy.Policy#at} compiles what is in force at a moment into an immutable
 * {@link dev.culvert.policy.PolicySnapshot}, whose {@link dev.culvert.policy.ClientPolicy} and
 * {@link dev.culvert.policy.Reach} answer for each flow in well under two microseconds. The file's own tests are run
 * by {@link dev.culvert.policy.PolicyTests}; {@link dev.culvert.policy.Explanation} reads the rules one by one
 * and says in words which decides, and {@link dev.culvert.policy.PolicyDiff} what two files say differently.
 *
 * <p>All values are immutable and may be used from any thread.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.policy;
