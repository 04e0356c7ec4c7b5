import { type Sql, service } from '@banyan/banyan';
import { authentication } from '../authentication/contract.ts';
import { loginIds } from './contract.ts';
import { loginKey } from './login-key.ts';

interface Account {
  readonly accountId: string;
  readonly loginId: string;
}

/** Keeps `loginIds` in a database of its own. A login id belongs to one account at most, also when two ask at the same moment. */
export const loginIdsService = service(loginIds, {
  uses: { authentication },
  migrations: new URL('./migrations/', import.meta.url),
  operations: {
    async reserve({ loginId, until }, { sql, fail }) {
      // A reservation that is over gives way, under a new account id: what was stored for the old one stays with nobody.
      const [reserved] = await sql<Account>`
        insert into login_ids (login_id, login_key, reserved_until) values (${loginId}, ${loginKey(loginId)}, ${until})
        on conflict (login_key) do update
          set account_id = excluded.account_id, login_id = excluded.login_id, reserved_until = excluded.reserved_until
          where login_ids.reserved_until < now()
        returning account_id, login_id`;
      return reserved ?? fail('loginIdTaken');
    },

    async confirm({ accountId }, { sql, fail }) {
      const confirmed = await sql`
        update login_ids set reserved_until = null
        where account_id = ${accountId} and (reserved_until is null or reserved_until > now())
        returning account_id`;
      return confirmed.length > 0 ? {} : fail('reservationOver');
    },

    async release({ accountId }, { sql }) {
      await sql`delete from login_ids where account_id = ${accountId} and reserved_until is not null`;
      return {};
    },

    async find({ loginId }, { sql, fail }) {
      return (await registered(sql, loginId)) ?? fail('noRegisteredUser');
    },

    async describe({ accountId }, { sql, fail }) {
      const [account] = await sql<Account>`
        select account_id, login_id from login_ids where account_id = ${accountId}`;
      return account ?? fail('noRegisteredUser');
    },
  },
  on: {
    async 'authentication.loginSubmitted'({ attemptId, loginId, sealedPassword }, { sql, emit }) {
      const account = await registered(sql, loginId);
      emit('loginChecked', { attemptId, accountId: account?.accountId, sealedPassword });
    },
  },
});

async function registered(sql: Sql, loginId: string): Promise<Account | undefined> {
  const [account] = await sql<Account>`
    select account_id, login_id from login_ids
    where login_key = ${loginKey(loginId)} and reserved_until is null`;
  return account;
}
