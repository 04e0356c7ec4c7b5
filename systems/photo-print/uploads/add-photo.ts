import type { Contract, Operation, OperationContext } from '@banyan/banyan';
import type { Photo, uploads } from './contract.ts';
import { type Inspection, inspectPhoto } from './inspect-photo.ts';
import type { PhotoStore } from './photo-store.ts';

/** Where a photo comes from. The same item of the same source is one photo, however often it arrives. */
export interface Origin {
  readonly ownerId: string;
  readonly source: 'upload' | 'instagram';
  /** Undefined: nothing is known that would tell a repetition from a second photo. */
  readonly sourceItem: string | undefined;
}

export type Addition =
  | { readonly verdict: 'added'; readonly photo: Photo }
  /** The source's item is known, as a different picture. */
  | { readonly verdict: 'differs' }
  | Exclude<Inspection, { verdict: 'photo' }>;

type Uses = Readonly<Record<string, Contract>>;
type Context = Pick<OperationContext<typeof uploads, Operation, Uses, unknown>, 'tx' | 'signal'> & {
  readonly store: PhotoStore;
};

/** Keeps a photo: file, thumbnail and row, or, whatever goes wrong, none of them. */
export async function addPhoto(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  origin: Origin,
  { store, tx, signal }: Context,
): Promise<Addition> {
  const file = await store.receive(body, signal);
  try {
    const inspection = await inspectPhoto(file);
    if (inspection.verdict !== 'photo') return inspection;
    const { type, width, height } = inspection;
    const { ownerId, source, sourceItem = null } = origin;

    const photo = await tx(async ({ sql }) => {
      const [added] = await sql<Photo>`
        insert into photos (owner_id, source, source_item, type, width, height, bytes, checksum)
        values (${ownerId}, ${source}, ${sourceItem}, ${type}, ${width}, ${height}, ${file.bytes}, ${file.checksum})
        on conflict (owner_id, source, source_item) do nothing
        returning photo_id, width, height, bytes`;
      if (added !== undefined) {
        // Before the commit: a row must never show a photo that is not there. A file without a row shows nothing.
        await store.keep(file, added.photoId);
        return added;
      }
      const [earlier] = await sql<Photo>`
        select photo_id, width, height, bytes from photos
        where owner_id = ${ownerId} and source = ${source} and source_item = ${sourceItem}
          and checksum = ${file.checksum}`;
      return earlier;
    });
    return photo === undefined ? { verdict: 'differs' } : { verdict: 'added', photo };
  } finally {
    await store.discard(file);
  }
}
