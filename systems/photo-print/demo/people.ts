import { randomUUID } from 'node:crypto';

const firstNames = [
  'Ada',
  'Grace',
  'Zoë',
  'Łukasz',
  'Søren',
  'Amélie',
  'Jürgen',
  'Ngozi',
  'Aoife',
  'Mateo',
  'Yuki',
  'Priya',
];
const lastNames = [
  'Okafor',
  'van den Berg',
  'Müller',
  'Żółw',
  'Andersson',
  'García',
  "O'Brien",
  'Tanaka',
  'Rossi',
  'Dubois',
];
const places = [
  { street: 'Keizersgracht 121', postalCode: '1015 CJ', city: 'Amsterdam', country: 'NL' },
  { street: 'Torstraße 140', postalCode: '10119', city: 'Berlin', country: 'DE' },
  { street: '12 Rue des Martyrs', postalCode: '75009', city: 'Paris', country: 'FR' },
  { street: 'ul. Długa 7', postalCode: '31-147', city: 'Kraków', country: 'PL' },
  { street: '4 Harbour View', street2: 'Flat 3', postalCode: 'BT1 3LG', city: 'Belfast', country: 'GB' },
];

/** Somebody who does not exist, with a login id that nobody has. */
export function makeUpPerson(random: () => number) {
  const of = <Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item =>
    items[Math.floor(random() * items.length)] as Item;
  const name = `${of(firstNames)} ${of(lastNames)}`;
  const handle = randomUUID().slice(0, 13);
  return {
    loginId: `demo-${handle}`,
    password: `correct horse ${handle}`,
    profile: {
      name,
      email: `${handle}@example.org`,
      phone: `+31 6 ${String(Math.floor(10_000_000 + random() * 89_999_999))}`,
      address: of(places),
    },
  };
}
