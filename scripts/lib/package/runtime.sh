# Makes a Java of Culvert's own: what its programs need of a JDK. Sourced by scripts/package, never run.
# shellcheck shell=bash

# java.xml is for Logback's file, jdk.unsupported for Netty and signals, jdk.crypto.ec for keys and TLS of the JDK's own, the naming
# ones for dnsjava's finding of the system's resolvers, jdk.zipfs for nothing but jars, java.sql for dates of Jackson's.
RUNTIME_MODULES=java.base,java.logging,java.management,java.naming,java.net.http,java.sql,java.xml,jdk.crypto.ec,jdk.naming.dns,jdk.unsupported,jdk.zipfs

# make_runtime DIRECTORY: of the newest JDK here that has jlink.
make_runtime() {
  local found java
  found=$(newest_java)
  java=${found#* }
  [ -x "$(dirname "$java")/jlink" ] || { echo "package: $java is of no JDK: there is no jlink beside it" >&2; return 1; }
  "$(dirname "$java")/jlink" --add-modules "$RUNTIME_MODULES" --no-header-files --no-man-pages --output "$1"
}
