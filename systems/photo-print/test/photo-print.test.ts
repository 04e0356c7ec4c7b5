import { everyPart, type Placement } from './fixtures/photo-print.ts';
import { describePhotoPrint } from './fixtures/photo-print-suite.ts';

const placements: Readonly<Record<string, Placement>> = {
  'in one process': undefined,
  'with every service by itself': everyPart.map((part) => [part]),
};

for (const [name, placement] of Object.entries(placements))
  describePhotoPrint(`photo print ${name}`, placement);
