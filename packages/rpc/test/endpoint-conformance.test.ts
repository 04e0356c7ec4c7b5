import { describeEndpoint } from '@banyan/rpc/testing';
import { open, placements } from './fixtures/placements.ts';

for (const placement of placements) {
  describeEndpoint(placement, { open: (contract, handle) => open(placement, contract, handle) });
}
