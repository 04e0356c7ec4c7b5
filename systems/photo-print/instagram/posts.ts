import { createRandom } from '../pictures/random.ts';

export interface Post {
  readonly postId: string;
  readonly width: number;
  readonly height: number;
}

const shapes = [
  { width: 1080, height: 1350 },
  { width: 1440, height: 1080 },
  { width: 1440, height: 1440 },
] as const;

/** The posts of an account, always the same ones; undefined for accounts named `nobody…` or `unknown…`, which do not exist. */
export function postsOf(account: string): readonly Post[] | undefined {
  if (account.startsWith('nobody') || account.startsWith('unknown')) return undefined;
  const random = createRandom(account);
  const count = 3 + Math.floor(random() * 4);
  return Array.from({ length: count }, (_, index) => ({
    postId: `${account.replace(/[^a-z0-9]/g, '-')}-${count - index}`,
    ...(shapes[Math.floor(random() * shapes.length)] ?? shapes[0]),
  }));
}
