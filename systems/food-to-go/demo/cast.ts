import { randomUUID } from 'node:crypto';
import type { Api, Session } from './api.ts';

export interface Consumer extends Session {
  readonly name: string;
  readonly consumerId: string;
}

/** Who plays in the demo; all new in each run. */
export interface Cast {
  readonly api: Api;
  readonly staff: Session;
  readonly restaurant: Session & { readonly restaurantId: string; readonly name: string };
  readonly ada: Consumer;
  /** May spend next to nothing. */
  readonly bob: Consumer;
  readonly courier: Session & { readonly courierId: string };
}

const euros = (amount: number) => ({ amount, currency: 'EUR' });

const ajanta = {
  name: 'Ajanta',
  address: { street: '1888 Solano Avenue', city: 'Berkeley', postalCode: '94707' },
  menu: [
    { menuItemId: 'vindaloo', name: 'Chicken Vindaloo', price: euros(1_234) },
    { menuItemId: 'naan', name: 'Garlic Naan', price: euros(300) },
    { menuItemId: 'lassi', name: 'Mango Lassi', price: euros(450) },
  ],
  minimumOrder: euros(1_000),
};

export async function gather(api: Api): Promise<Cast> {
  const staff = await api.signIn('staff', 'demo');
  const { restaurantId, name } = await staff.request('POST', '/restaurants', ajanta);
  const courierId = randomUUID();
  return {
    ...{ api, staff },
    restaurant: { restaurantId, name, ...(await api.signIn('restaurant', restaurantId)) },
    ada: await signUp(api, 'Ada', '2099-12'),
    bob: await signUp(api, 'Bob', '2020-01'),
    courier: { courierId, ...(await api.signIn('courier', courierId)) },
  };
}

async function signUp(api: Api, name: string, expires: string): Promise<Consumer> {
  const { consumerId } = await api.anyone.request('POST', '/consumers', { name });
  const session = await api.signIn('consumer', consumerId);
  await session.request('PUT', '/account/card', { holder: name, lastDigits: '4242', expires });
  return { name, consumerId, ...session };
}
