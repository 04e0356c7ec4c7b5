import { brokersUnderTest } from '@banyan/test-support/broker-places';
import { describeInstances } from './fixtures/market/instances-suite.ts';

describeInstances('messages among instances');
for (const broker of brokersUnderTest)
  describeInstances(`messages among instances on ${broker.name}`, broker);
