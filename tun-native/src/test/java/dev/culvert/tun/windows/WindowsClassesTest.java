package dev.culvert.tun.windows;

import dev.culvert.tun.fixture.LoadedClasses;
import org.junit.jupiter.api.Test;

/** On a system that is not Windows its classes are read without harm. */
final class WindowsClassesTest {
    @Test
    void loadingThemTouchesNoNativeLibrary() throws Exception {
        LoadedClasses.haveNoLibrary(WindowsTun.class, 7);
    }
}
