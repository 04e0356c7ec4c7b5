import { brokersUnderTest } from '@banyan/test-support/broker-places';
import { describeWaiting } from './fixtures/waiting-suite.ts';

describeWaiting('synchronous and asynchronous');
for (const broker of brokersUnderTest)
  describeWaiting(`synchronous and asynchronous on ${broker.name}`, broker);
