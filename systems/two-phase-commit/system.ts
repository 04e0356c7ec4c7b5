import { expose, gateway, system } from '@banyan/banyan';
import { northService, southService } from './bank/service.ts';
import { transfers } from './transfers/contract.ts';
import { transfersService } from './transfers/service.ts';

/** The same transfer as by two-phase commit, as a saga. */
export default system('two-phase-commit', {
  services: [northService, southService, transfersService],
  gateway: gateway({
    title: 'Transfers',
    description: 'Money from one bank to another, by a saga.',
    expose: [expose(transfers, { transfer: 'anyone', getTransfer: 'anyone' })],
  }),
});
