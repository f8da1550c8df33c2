package dev.culvert.tunnel.flow;

import io.netty.channel.ChannelOption;
import io.netty.channel.DefaultChannelConfig;
import java.util.Map;

/** The options of a {@link LinkFlow}. */
final class LinkFlowConfig extends DefaultChannelConfig {
    private final LinkFlow flow;
    private int linger = -1;

    LinkFlowConfig(LinkFlow flow) {
        super(flow);
        this.flow = flow;
    }

    @Override
    protected void autoReadCleared() {
        flow.input().stopReading();
    }

    @Override
    public Map<ChannelOption<?>, Object> getOptions() {
        return getOptions(super.getOptions(), ChannelOption.SO_LINGER, ChannelOption.ALLOW_HALF_CLOSURE);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T getOption(ChannelOption<T> option) {
        if (option == ChannelOption.SO_LINGER) {
            return (T) Integer.valueOf(linger);
        }
        if (option == ChannelOption.ALLOW_HALF_CLOSURE) {
            return (T) Boolean.TRUE;
        }
        return super.getOption(option);
    }

    /** SO_LINGER is accepted so that every channel can be reset in one way; close() of a flow that has not finished always resets. */
    @Override
    public <T> boolean setOption(ChannelOption<T> option, T value) {
        if (option == ChannelOption.SO_LINGER) {
            linger = (Integer) value;
            return true;
        }
        if (option == ChannelOption.ALLOW_HALF_CLOSURE) {
            if (!(Boolean) value) {
                throw new IllegalArgumentException("ALLOW_HALF_CLOSURE=false on " + flow
                        + " is not supported: close the channel on ChannelInputShutdownEvent instead");
            }
            return true;
        }
        return super.setOption(option, value);
    }
}
