/**
 * The programs as users start them, in network namespaces, with the applications that people use. Needs root;
 * {@link dev.culvert.e2e.Lab} builds the network. Classes are named {@code *IT} and run after packaging.
 */
package dev.culvert.e2e;
