/**
 * The page that shows a running gateway in a browser. {@link dev.culvert.gateway.dashboard.DashboardOptions} opens it; {@link
 * dev.culvert.gateway.dashboard.SignIn} knows who may see it; {@link dev.culvert.gateway.dashboard.Scene} is all that there is to see at
 * one moment, and {@link dev.culvert.gateway.dashboard.Viewers} are told what of it is new, once a second. Nothing of it is on a loop that
 * moves frames, and with no viewer nothing of it runs.
 */
@org.jspecify.annotations.NullMarked
package dev.culvert.gateway.dashboard;
