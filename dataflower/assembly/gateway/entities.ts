import { join } from 'node:path';
import { CachedStore } from '@dataflower/plugin/stores';
import { type EmbeddedStoreOptions, openEmbeddedStore, StoreLockedError } from '@dataflower/plugin/stores/embedded';
import { directoryInUse } from '../process/data-directory.js';
import { StartError } from '../process/start-error.js';

/** Opens the entities in a prepared directory. Throws `StartError`, with DATA_DIRECTORY_IN_USE when another process has them. */
export async function openEntities(directory: string, options?: EmbeddedStoreOptions): Promise<CachedStore> {
  try {
    return new CachedStore(await openEmbeddedStore(join(directory, 'entities'), options));
  } catch (cause) {
    if (cause instanceof StoreLockedError) throw directoryInUse(directory, cause);
    throw new StartError(
      `The entities in ${directory} cannot be opened (${(cause as Error).message}): repair the directory or choose another with --data.`,
      { cause },
    );
  }
}
