import { expose, gateway, system } from '@banyan/banyan';
import { archiveService } from './archive/service.ts';
import { board } from './board/contract.ts';
import { boardService } from './board/service.ts';
import { office } from './office/contract.ts';
import { officeService } from './office/service.ts';

export default system('interactions', {
  services: [officeService, archiveService, boardService],
  gateway: gateway({
    title: 'Interactions',
    description: 'One service asks another, in every way there is.',
    expose: [
      expose(office, {
        searchAndWait: 'anyone',
        searchWhileWorking: 'anyone',
        searchThroughBroker: 'anyone',
        searchAllRooms: 'anyone',
        searchFirstRoom: 'anyone',
        sendLetter: 'anyone',
        readLetter: 'anyone',
        searchLater: 'anyone',
        getSearch: 'anyone',
      }),
      expose(board, {
        pin: 'anyone',
        look: 'anyone',
        subscribe: 'anyone',
        tell: 'anyone',
        collect: 'anyone',
      }),
    ],
  }),
});
