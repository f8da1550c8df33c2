import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassElement;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Gives the classes of a jar that are older than Java 6 the stack maps of Java 6 (JVMS 4.7.4), in place: java
 * StackMaps.java JAR. An AOT cache leaves out classes without them, and the JVM verifies those the slow way at every start.
 * Needs JDK 24 or later (JEP 484).
 */
final class StackMaps {
    private StackMaps() {}

    public static void main(String[] args) throws IOException {
        Path jar = Path.of(args[0]);
        Path made = Files.createTempFile(jar.toAbsolutePath().getParent(), "stack-maps", null);
        try {
            try (URLClassLoader loader = new URLClassLoader(new URL[] {jar.toUri().toURL()});
                    JarFile in = new JarFile(jar.toFile());
                    OutputStream file = Files.newOutputStream(made);
                    JarOutputStream out = new JarOutputStream(file)) {
                ClassFile format = ClassFile.of(ClassFile.ClassHierarchyResolverOption.of(
                        ClassHierarchyResolver.ofResourceParsing(loader).cached()));
                for (JarEntry entry : Collections.list(in.entries())) {
                    JarEntry copy = new JarEntry(entry.getName());
                    copy.setLastModifiedTime(entry.getLastModifiedTime());
                    out.putNextEntry(copy);
                    try (InputStream bytes = in.getInputStream(entry)) {
                        byte[] content = bytes.readAllBytes();
                        out.write(entry.getName().endsWith(".class") ? withStackMaps(format, content) : content);
                    }
                }
            }
            Files.setPosixFilePermissions(made, Files.getPosixFilePermissions(jar));
            Files.move(made, jar, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(made);
        }
    }

    private static byte[] withStackMaps(ClassFile format, byte[] content) {
        ClassModel old = format.parse(content);
        if (old.majorVersion() >= ClassFile.JAVA_6_VERSION) {
            return content;
        }
        // Bodies that pass through a transformation are written anew, and from this version on with stack maps.
        return format.transformClass(
                old,
                ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL).andThen(StackMaps::raiseVersion));
    }

    private static void raiseVersion(ClassBuilder builder, ClassElement element) {
        builder.with(element instanceof ClassFileVersion ? ClassFileVersion.of(ClassFile.JAVA_6_VERSION, 0) : element);
    }
}
