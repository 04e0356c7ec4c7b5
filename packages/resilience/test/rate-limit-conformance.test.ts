import { createManualClock } from '@banyan/core/testing';
import { createMemoryRateLimits } from '@banyan/resilience';
import { describeRateLimitStore } from '@banyan/resilience/testing';

describeRateLimitStore('memory', {
  create() {
    const clock = createManualClock();
    const store = createMemoryRateLimits({ clock });
    return Promise.resolve({
      open: () => Promise.resolve(store),
      clock,
      close: () => Promise.resolve(),
    });
  },
});
