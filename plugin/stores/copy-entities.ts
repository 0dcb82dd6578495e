import { type Attachment, ConflictError, type EntityStore, type StoredDocument } from './entity-store.js';

/** Numbers of documents, by outcome. */
export interface Copied {
  readonly copied: number;
  /** Documents that existed in the target and were not changed. */
  readonly kept: number;
}

const PAGE = 50;

/** Copies all documents of one type with the attachment of that name. Versions and times are kept. */
export async function copyEntities(
  from: EntityStore,
  to: EntityStore,
  type: string,
  attachment: Omit<Attachment, 'data'>,
): Promise<Copied> {
  let copied = 0;
  let kept = 0;
  for (let skip = 0; ; skip += PAGE) {
    const documents = await from.list({ type, skip, limit: PAGE });
    for (const document of documents) {
      const data = await from.attachment(document._id, document._rev!, attachment.name);
      const copy: { -readonly [K in keyof StoredDocument]: StoredDocument[K] } = { ...document };
      delete copy._rev;
      try {
        await to.put(copy, data === undefined ? undefined : { ...attachment, data });
        copied++;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        kept++;
      }
    }
    if (documents.length < PAGE) return { copied, kept };
  }
}
