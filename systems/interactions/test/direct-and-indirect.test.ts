import { brokersUnderTest } from '@banyan/test-support/broker-places';
import { describeAddressing } from './fixtures/addressing-suite.ts';

describeAddressing('direct and indirect');
for (const broker of brokersUnderTest) describeAddressing(`direct and indirect on ${broker.name}`, broker);
