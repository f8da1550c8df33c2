package dev.culvert.tun.macos;

import dev.culvert.tun.fixture.LoadedClasses;
import org.junit.jupiter.api.Test;

/** On a system that is no Mac the classes of one are read without harm. */
final class MacosClassesTest {
    @Test
    void loadingThemTouchesNoNativeLibrary() throws Exception {
        LoadedClasses.haveNoLibrary(Utun.class, 8, "Xnu$", "DarwinC$Holder");
    }
}
