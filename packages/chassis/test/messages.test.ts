import { brokersUnderTest, rabbitQueuesUnderTest } from '@banyan/test-support/broker-places';
import { describeMessages } from './fixtures/market/messages-suite.ts';

const placements = {
  'in one process': [['gateway', 'stock', 'shop', 'cheap', 'dear', 'silent']],
  split: [['gateway', 'shop'], ['stock'], ['cheap'], ['dear'], ['silent']],
};

for (const [name, placement] of Object.entries(placements)) describeMessages(name, { placement });
for (const broker of brokersUnderTest) {
  describeMessages(`split, on ${broker.name}`, { placement: placements.split, broker });
}
describeMessages(`split, on ${rabbitQueuesUnderTest.name}`, {
  placement: placements.split,
  broker: rabbitQueuesUnderTest,
  keepsNothingAhead: true,
});
