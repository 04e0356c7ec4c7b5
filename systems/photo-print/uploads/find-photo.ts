import type { Sql } from '@banyan/banyan';
import type { Photo } from './contract.ts';

export interface StoredPhoto extends Photo {
  readonly type: string;
  readonly checksum: string;
}

/** The photo, if there is one with this id and it is this owner's: the two ways of not having it look the same. */
export async function findPhoto(
  sql: Sql,
  photoId: string,
  ownerId: string,
): Promise<StoredPhoto | undefined> {
  const [photo] = await sql<StoredPhoto>`
    select photo_id, width, height, bytes, type, checksum from photos
    where photo_id = ${photoId} and owner_id = ${ownerId}`;
  return photo;
}
