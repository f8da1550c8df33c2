package dev.culvert.tun.windows;

import dev.culvert.tun.device.TunConfig;
import dev.culvert.tun.device.TunDevice;
import dev.culvert.tun.device.TunException;
import java.nio.file.Path;

/** Opens adapters through another library than Windows' own, for fixtures of other packages. */
public final class WintunFixture {
    private WintunFixture() {}

    /** As {@link WindowsTun#open(TunConfig, Path, int)}. */
    public static TunDevice open(TunConfig config, Path library, int ringCapacity) throws TunException {
        return WindowsTun.open(config, library, ringCapacity);
    }
}
